//! `custodia dev`: a stand-in that starts at once, with a demo store and a printed token.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use access::{Credentials, Plan, Seal, accounts};
use delivery::Profile;
use kernel::{ChannelId, Error, Grants, SystemChance, SystemClock};
use rest::{App, Settings};
use server::Listener;
use sql::Db;
use tempfile::TempDir;

use crate::{
    Outcome,
    certificates::{self, Certificate},
    deliver,
    log::{self, Format},
    open,
    options::{DevOptions, Shared},
    people,
    serve::{stop, tls_config},
};

pub(crate) async fn run(shared: &Shared, options: DevOptions) -> Outcome {
    let stop = stop()?;
    let place = Place::choose(&options)?;
    let db = open::database(&place.address()).await?;
    let seal = accounts::open_seal(&db, &SystemChance, &place.file().with_extension("key")).await?;
    let credentials = furnish(&db, &seal, &options).await?;

    let certificate = if options.tls {
        Some(certificates::issue(&tls_directory(&options)?, &SystemClock)?)
    } else {
        None
    };
    let tls = match &certificate {
        Some(certificate) => Some(tls_config(&certificate.chain, &certificate.key)?),
        None => None,
    };
    let port = options.port.unwrap_or(if tls.is_some() { 443 } else { 8080 });
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let url = match (tls.is_some(), port) {
        (true, 443) => "https://api.bigcommerce.com".to_owned(),
        (true, port) => format!("https://localhost:{port}"),
        (false, port) => format!("http://127.0.0.1:{port}"),
    };
    let webhook_allow = LOOPBACK.iter().map(|range| range.parse()).collect::<Result<_, _>>()?;
    let webhook_history = options.history.webhook_history;
    let settings =
        Settings { public_url: url.clone(), webhook_allow, webhook_history, ..Settings::default() };
    let app = App::new(db, seal, Arc::new(SystemClock), Arc::new(SystemChance), settings).await?;
    let listener = Listener::bind(listen, tls).map_err(|error| cannot_listen(listen, &error))?;
    welcome(&url, &credentials, certificate.as_ref(), &place);

    let _log = log::start(shared.log, shared.log_format.unwrap_or(Format::Text));
    let worker = deliver::worker(&app, Profile::published(), None)?;
    Ok(server::serve(app, listener, Some(worker), stop).await?)
}

/// Where the data of this run is.
enum Place {
    /// In a directory that is gone when the run ends.
    Passing(TempDir),
    /// In the operator's file.
    Kept(PathBuf),
}

impl Place {
    fn choose(options: &DevOptions) -> Outcome<Self> {
        let Some(file) = &options.keep else {
            return Ok(Self::Passing(tempfile::Builder::new().prefix("custodia-dev-").tempdir()?));
        };
        if options.reset {
            for suffix in ["", "-wal", "-shm"] {
                let path = PathBuf::from(format!("{}{suffix}", file.display()));
                remove_if_there(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            }
            remove_if_there(&file.with_extension("key"))?;
        }
        Ok(Self::Kept(file.clone()))
    }

    fn file(&self) -> PathBuf {
        match self {
            Self::Passing(directory) => directory.path().join("custodia.db"),
            Self::Kept(file) => file.clone(),
        }
    }

    /// Data that is forgotten anyway need not wait for the disk.
    fn address(&self) -> String {
        let file = self.file();
        match self {
            Self::Passing(_) => format!("sqlite:{}?synchronous=off", file.display()),
            Self::Kept(_) => format!("sqlite:{}", file.display()),
        }
    }
}

/// Make what is not there yet: the store, its people, and an account for this run.
async fn furnish(db: &Db, seal: &Seal, options: &DevOptions) -> Outcome<Credentials> {
    let is_new = match resources::stores::ops::create(
        db,
        &SystemClock,
        &SystemChance,
        STORE,
        Plan::Unlimited,
    )
    .await
    {
        Ok(_) => true,
        Err(Error::Taken { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    for domain in DOMAINS {
        let domain = domain.parse()?;
        let (channel, clock) = (ChannelId(1), SystemClock);
        match resources::stores::ops::add_domain(db, &clock, STORE, &domain, channel).await {
            Ok(()) | Err(Error::Taken { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let all = Grants::from_names(Grants::NAMES).map_err(ToOwned::to_owned)?;
    // A token that is named again belongs to an account of an earlier run, which makes room.
    if let Some(token) = &options.token {
        accounts::forget(db, token).await?;
    }
    let made = accounts::create(
        db,
        &SystemClock,
        &SystemChance,
        seal,
        STORE,
        all,
        options.token.as_deref(),
    );
    let (_, credentials) = made.await?;
    if is_new {
        people::settle(db, seal, &credentials.access_token, options.seed).await?;
    }
    Ok(credentials)
}

fn welcome(url: &str, credentials: &Credentials, certificate: Option<&Certificate>, place: &Place) {
    let token = &credentials.access_token;
    println!("Custodia answers on {url} with the store `{STORE}` and its 50 customers.");
    match place {
        Place::Passing(_) => {
            println!("What you change is forgotten when it stops; --keep FILE keeps it.");
        }
        Place::Kept(file) => println!("What you change is kept in {}.", file.display()),
    }
    println!("\n# .env");
    println!("BIGCOMMERCE_API_URL={url}");
    println!("BIGCOMMERCE_STORE_HASH={STORE}");
    println!("BIGCOMMERCE_ACCESS_TOKEN={token}");
    println!("BIGCOMMERCE_CLIENT_ID={}", credentials.client_id);
    println!("BIGCOMMERCE_CLIENT_SECRET={}", credentials.client_secret);
    let trust =
        certificate.map(|certificate| format!(" --cacert {}", certificate.authority.display()));
    let curl = format!("curl{} -H 'X-Auth-Token: {token}'", trust.unwrap_or_default());
    println!("\n# Try");
    println!("{curl} '{url}/stores/{STORE}/v3/customers?limit=3'");
    println!("{curl} {url}/stores/{STORE}/v3/customers/1/consent");
    println!("{curl} {url}/stores/{STORE}/v2/customers/1");
    if let Some(certificate) = certificate {
        tell_of_trust(certificate, url);
    }
    println!();
}

fn tell_of_trust(certificate: &Certificate, url: &str) {
    let authority = certificate.authority.display();
    println!("\n# Libraries with api.bigcommerce.com built in need this line in /etc/hosts");
    println!("127.0.0.1 api.bigcommerce.com");
    if !url.ends_with("api.bigcommerce.com") {
        println!("# and port 443 on this machine: run without --port, or forward it.");
    }
    let made = if certificate.is_new { "was just made" } else { "is" };
    println!(
        "\n# The authority to trust {made} at {authority}; it can vouch for bigcommerce.com and localhost only."
    );
    println!("export NODE_EXTRA_CA_CERTS={authority}   # Node");
    println!("export REQUESTS_CA_BUNDLE={authority}    # Python");
    println!("export SSL_CERT_FILE={authority}         # Ruby, PHP, Go, curl");
    println!(
        "sudo cp {authority} /usr/local/share/ca-certificates/custodia.crt && sudo update-ca-certificates   # Debian, Ubuntu"
    );
    println!(
        "sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {authority}   # macOS"
    );
}

fn cannot_listen(listen: SocketAddr, error: &io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => " (ports below 1024 need root; --port 8443 does not)",
        io::ErrorKind::AddrInUse => " (--port chooses another)",
        _ => "",
    };
    format!("{listen}: {error}{hint}")
}

fn tls_directory(options: &DevOptions) -> Outcome<PathBuf> {
    if let Some(directory) = &options.tls_dir {
        return Ok(directory.clone());
    }
    let home = std::env::home_dir().ok_or("there is no home directory; give --tls-dir")?;
    Ok(home.join(".local/share/custodia"))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Where webhooks may go as well: whoever tries the server listens on this machine.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// The demo store's hash.
const STORE: &str = "demo";

/// Where its storefront is asked: wherever it says it answers, so that the login links which libraries make lead here.
const DOMAINS: [&str; 3] = ["localhost", "127.0.0.1", "api.bigcommerce.com"];
