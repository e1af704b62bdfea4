//! Every option, and the `CUSTODIA_*` variable that stands for it.

use std::{net::SocketAddr, path::PathBuf};

use access::{Domain, Grace, Plan};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use delivery::Rung;
use kernel::Network;

use crate::log;

/// A self-hosted server for a store's customers and their consent.
#[derive(Parser)]
#[command(name = "custodia", version, about, max_term_width = 100)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands; may stand before or after the command's name.
#[derive(Args)]
pub(crate) struct Shared {
    #[arg(
        long,
        global = true,
        help = "Where the data is: sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE",
        env = "CUSTODIA_DATABASE",
        default_value = "sqlite:custodia.db",
        hide_env_values = true,
        value_name = "ADDRESS"
    )]
    pub(crate) database: String,
    /// The installation's key, under which client secrets are sealed. On SQLite it is made beside the
    /// database when absent; on PostgreSQL it is custodia.key in this directory
    #[arg(long, global = true, env = "CUSTODIA_SECRET_KEY_FILE", value_name = "FILE")]
    pub(crate) secret_key_file: Option<PathBuf>,
    /// What is logged, to the standard error
    #[arg(long, global = true, env = "CUSTODIA_LOG", default_value = "info", value_name = "LEVEL")]
    pub(crate) log: log::Level,
    /// How log lines are written [default: json; text for dev]
    #[arg(long, global = true, env = "CUSTODIA_LOG_FORMAT", value_name = "FORMAT")]
    pub(crate) log_format: Option<log::Format>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Answer requests until told to stop
    Serve(ServeOptions),
    /// Deliver webhooks until told to stop, beside servers or in their stead; any number of them at once
    Deliver(DeliverOptions),
    /// Start at once with a demo store, 50 customers and a printed token
    Dev(DevOptions),
    /// Make, list and delete stores, and choose their domains and quirks
    #[command(subcommand)]
    Store(StoreCommand),
    /// Make, list and revoke API accounts, and replace their secrets
    #[command(subcommand)]
    Account(AccountCommand),
    /// Forget a person who asks for it
    #[command(subcommand)]
    Customer(CustomerCommand),
    /// Check what proves a consent
    #[command(subcommand)]
    Consent(ConsentCommand),
    /// See a store's webhooks, and what became of their deliveries
    #[command(subcommand)]
    Hooks(HooksCommand),
    /// Bring the database up to this version; every command does so too
    Migrate,
    /// Write SQLite's file anew, so that nothing is left in it of what was deleted. Servers go on reading, and wait to
    /// write. PostgreSQL does as much by itself
    Vacuum,
    /// Print what a bug report needs: versions, database, clock, permissions; no secrets
    Doctor,
}

#[derive(Args)]
pub(crate) struct ServeOptions {
    /// The address to answer on
    #[arg(
        long,
        env = "CUSTODIA_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "HOST:PORT"
    )]
    pub(crate) listen: SocketAddr,
    /// Where callers reach this server; V2 bodies link to it [default: the address it listens on]
    #[arg(long, env = "CUSTODIA_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// A certificate chain in PEM, to speak TLS without a proxy
    #[arg(long, env = "CUSTODIA_TLS_CERT", requires = "tls_key", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its private key in PEM
    #[arg(long, env = "CUSTODIA_TLS_KEY", requires = "tls_cert", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// The longest request body, in bytes
    #[arg(long, env = "CUSTODIA_BODY_LIMIT", default_value_t = 1 << 20, value_name = "BYTES")]
    pub(crate) body_limit: usize,
    /// How much memory answers may take that are kept for who asks again, on SQLite, in bytes; 0 keeps none. It is taken as
    /// answers are kept, not before
    #[arg(long, env = "CUSTODIA_CACHE_BYTES", default_value_t = 16 << 20, value_name = "BYTES")]
    pub(crate) cache_bytes: usize,
    /// Requests come through a proxy that adds to X-Forwarded-For where they came from: shoppers are told apart by it
    #[arg(long, env = "CUSTODIA_BEHIND_PROXY")]
    pub(crate) behind_proxy: bool,
    #[command(flatten)]
    pub(crate) webhooks: WebhookOptions,
    /// Leave webhooks to `custodia deliver`
    #[arg(long, env = "CUSTODIA_NO_DELIVER")]
    pub(crate) no_deliver: bool,
}

/// Where webhooks may go.
#[derive(Args)]
pub(crate) struct WebhookOptions {
    /// A range of addresses to which webhooks may also go on other ports than 443, and by http; may be repeated
    #[arg(long, env = "CUSTODIA_WEBHOOK_ALLOW", value_name = "CIDR", value_delimiter = ',')]
    pub(crate) webhook_allow: Vec<Network>,
    /// Certificates in PEM of authorities that vouch for destinations, besides those that browsers trust
    #[arg(long, env = "CUSTODIA_WEBHOOK_CA", value_name = "FILE")]
    pub(crate) webhook_ca: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) history: HistoryOptions,
}

/// How long it is kept what came of webhooks.
#[derive(Args)]
pub(crate) struct HistoryOptions {
    /// How many days it is kept what was delivered, with every attempt, and what could not be
    #[arg(
        long,
        env = "CUSTODIA_WEBHOOK_HISTORY",
        default_value_t = 7,
        value_name = "DAYS",
        value_parser = clap::value_parser!(i64).range(1..=90)
    )]
    pub(crate) webhook_history: i64,
}

#[derive(Args)]
pub(crate) struct DeliverOptions {
    #[command(flatten)]
    pub(crate) webhooks: WebhookOptions,
    /// For trying an app: other pauses before each new attempt, such as 1s,2s,5m. Nothing is then sent to anywhere but the
    /// ranges of --webhook-allow
    #[arg(long, env = "CUSTODIA_LADDER", value_delimiter = ',', value_name = "PAUSES")]
    pub(crate) ladder: Option<Vec<Rung>>,
    /// For trying an app: whether domains are blocked to which too little arrives; off has the same limits as --ladder
    #[arg(long, env = "CUSTODIA_BLOCK", default_value = "on", value_name = "ON|OFF")]
    pub(crate) block: Switch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

#[derive(Args)]
pub(crate) struct DevOptions {
    /// The port on this machine [default: 8080, or 443 with --tls]
    #[arg(long, env = "CUSTODIA_PORT")]
    pub(crate) port: Option<u16>,
    /// The access token, instead of a new one
    #[arg(long, env = "CUSTODIA_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Keep the data in this SQLite file, instead of forgetting it
    #[arg(long, env = "CUSTODIA_KEEP", value_name = "FILE")]
    pub(crate) keep: Option<PathBuf>,
    /// Forget what the kept file holds, and begin anew
    #[arg(long, env = "CUSTODIA_RESET", requires = "keep")]
    pub(crate) reset: bool,
    /// Which demo data: the same number gives the same data
    #[arg(long, env = "CUSTODIA_SEED", default_value_t = 1, value_name = "NUMBER")]
    pub(crate) seed: u64,
    /// Serve <https://api.bigcommerce.com> with a certificate of a local authority
    #[arg(long, env = "CUSTODIA_TLS")]
    pub(crate) tls: bool,
    /// Where the local authority is kept [default: ~/.local/share/custodia]
    #[arg(long, env = "CUSTODIA_TLS_DIR", value_name = "DIRECTORY")]
    pub(crate) tls_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) history: HistoryOptions,
}

#[derive(Subcommand)]
pub(crate) enum StoreCommand {
    /// Make a store
    Create {
        /// Its name in every path: 1 to 64 letters, digits, - or _
        hash: String,
        /// How much its API accounts may send: unlimited, 150/30s or 450/30s
        #[arg(long, env = "CUSTODIA_PLAN", default_value_t = Plan::Unlimited)]
        plan: Plan,
    },
    /// List the stores
    List,
    /// Delete a store and all it holds, also while a server runs
    Delete {
        /// Its name
        hash: String,
    },
    /// Show or choose a store's quirks (docs/quirks.md)
    Quirks {
        /// The store's name
        hash: String,
        /// `faithful` for those the real service has, or NAME=on, NAME=off
        change: Option<String>,
    },
    /// Choose by which domains shoppers find a store
    #[command(subcommand)]
    Domain(DomainCommand),
}

#[derive(Subcommand)]
pub(crate) enum DomainCommand {
    /// Give a domain to a store; its storefront's requests are answered there
    Add {
        /// The store's name
        hash: String,
        /// A host's name, without a port; no two stores have the same
        domain: Domain,
        /// The store's channel that the storefront belongs to
        #[arg(long, env = "CUSTODIA_CHANNEL", default_value_t = 1, value_name = "NUMBER")]
        channel: i64,
    },
    /// Take a domain from a store
    Remove {
        /// The store's name
        hash: String,
        /// The domain
        domain: Domain,
    },
    /// List a store's domains, with their channels
    List {
        /// The store's name
        hash: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum AccountCommand {
    /// Make an API account and print its credentials, this once
    Create {
        /// The store it may call
        #[arg(long, env = "CUSTODIA_STORE", value_name = "HASH")]
        store: String,
        /// What it may do there, by the published name (`store_v2_customers`, …); may be repeated
        #[arg(
            long = "scope",
            env = "CUSTODIA_SCOPE",
            value_name = "NAME",
            value_delimiter = ',',
            required = true
        )]
        scopes: Vec<String>,
        #[arg(
            long,
            help = "Print one JSON object: client_id, client_secret, access_token",
            env = "CUSTODIA_JSON"
        )]
        json: bool,
    },
    /// List a store's API accounts
    List {
        /// The store
        #[arg(long, env = "CUSTODIA_STORE", value_name = "HASH")]
        store: String,
    },
    /// Give an account a new client secret and print it, this once. Until the grace is over the one before is valid too:
    /// webhooks have a signature under each, and shoppers are signed in under either
    Rotate {
        /// The account's client id, as `list` shows it
        client_id: String,
        /// For how long the secret before stays valid, such as 0, 90s, 30m, 24h or 7d; 30 days at most. A second rotation
        /// within it keeps only the secret that it replaces
        #[arg(long, env = "CUSTODIA_GRACE", default_value_t = Grace::DAY, value_name = "TIME")]
        grace: Grace,
        #[arg(
            long,
            help = "Print one JSON object: client_id, client_secret, former_valid_until",
            env = "CUSTODIA_JSON"
        )]
        json: bool,
    },
    /// Take an account's token back, for good
    Revoke {
        /// The account's client id, as `list` shows it
        client_id: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum CustomerCommand {
    /// Erase a customer with all that belongs to it, the subscriber of the same address, and what opens its consents in the
    /// ledger, which still verifies; also while a server runs. There is no way back
    Erase {
        /// The store
        #[arg(long, env = "CUSTODIA_STORE", value_name = "HASH")]
        store: String,
        /// The customer's number
        id: i64,
    },
}

#[derive(Subcommand)]
pub(crate) enum HooksCommand {
    /// Print a store's events as they happen, and what became of each delivery, until Ctrl-C. It needs no webhook and no
    /// public address; a server or `custodia deliver` has to run
    Listen {
        /// The store
        #[arg(long, env = "CUSTODIA_STORE", value_name = "HASH")]
        store: String,
        #[arg(
            long,
            help = "Print each as one JSON object: event, at, scope, data; with hook, destination, attempt, status, fault, ms for \
                    a delivery",
            env = "CUSTODIA_JSON"
        )]
        json: bool,
    },
    /// List a store's webhooks, whichever account they belong to: number, state, scope and destination
    List {
        /// The store
        #[arg(long, env = "CUSTODIA_STORE", value_name = "HASH")]
        store: String,
    },
    /// List what became of the events that a store's webhooks were to be told of, the newest first: webhook, event, when
    /// it happened, scope, subject, state, the last attempt's number and status, and when the next one is
    Deliveries {
        /// The store
        #[arg(long, env = "CUSTODIA_STORE", value_name = "HASH")]
        store: String,
        /// One webhook only
        #[arg(long, env = "CUSTODIA_HOOK", value_name = "ID")]
        hook: Option<i64>,
        /// Only those in this state
        #[arg(long, env = "CUSTODIA_STATUS")]
        status: Option<DeliveryStatus>,
        /// The newest so many of each webhook
        #[arg(
            long,
            env = "CUSTODIA_LIMIT",
            default_value_t = 50,
            value_name = "NUMBER",
            value_parser = clap::value_parser!(i64).range(1..)
        )]
        limit: i64,
        #[arg(long, help = "Print one JSON object a line", env = "CUSTODIA_JSON")]
        json: bool,
    },
    /// Have events delivered to a webhook again, also while a server runs, which sends them
    #[command(group = ArgGroup::new("what").required(true))]
    Replay {
        /// The store
        #[arg(long, env = "CUSTODIA_STORE", value_name = "HASH")]
        store: String,
        /// The webhook, which must be active
        #[arg(long, env = "CUSTODIA_HOOK", value_name = "ID")]
        hook: i64,
        /// The event of this name, whatever became of it
        #[arg(long, env = "CUSTODIA_EVENT", value_name = "HASH", group = "what")]
        event: Option<String>,
        /// Everything that failed since then: dead letters, and what waits for its next attempt
        #[arg(long, env = "CUSTODIA_FAILED_SINCE", value_name = "TIME", group = "what")]
        failed_since: Option<String>,
        /// Every dead letter
        #[arg(long, env = "CUSTODIA_DEAD", group = "what")]
        dead: bool,
    },
}

/// What has become of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeliveryStatus {
    Waiting,
    Arrived,
    Failing,
    Dead,
}

#[derive(Subcommand)]
pub(crate) enum ConsentCommand {
    /// Check a receipt or an export, without a database and without asking anybody; or, with --store, the ledger that is
    /// in the database. What does not hold is named, and the command fails
    Verify(VerifyOptions),
    /// Print a store's whole ledger, as one JSON text a line: first whose it is, then every leaf, last the signed
    /// checkpoint. There is no person in it
    Export {
        /// The store
        #[arg(long, env = "CUSTODIA_STORE", value_name = "HASH")]
        store: String,
    },
    /// Print a proof as RFC 6962 has it, as one JSON object with hashes in Base64
    #[command(group = ArgGroup::new("what").required(true))]
    Prove {
        /// The store
        #[arg(long, env = "CUSTODIA_STORE", value_name = "HASH")]
        store: String,
        /// That this leaf, from 0, is in the tree that the newest checkpoint signs
        #[arg(long, env = "CUSTODIA_LEAF", value_name = "N", group = "what")]
        leaf: Option<u64>,
        /// That the tree of M leaves began as the one of N
        #[arg(
            long,
            env = "CUSTODIA_CONSISTENCY",
            value_names = ["N", "M"],
            num_args = 2,
            value_delimiter = ',',
            group = "what"
        )]
        consistency: Option<Vec<u64>>,
    },
    /// Print the public keys of this installation, the oldest first: one a line, as --key-file reads them
    Keys,
    /// Sign with a new key from now on, and print its public half. What was signed before can still be checked
    /// with the keys before
    RotateKey,
}

#[derive(Args)]
pub(crate) struct VerifyOptions {
    /// The receipt or the export; - is the standard input
    #[arg(value_name = "FILE", required_unless_present = "store")]
    pub(crate) file: Option<PathBuf>,
    /// The store whose ledger is checked in the database; its declarations are held to their leaves as well
    #[arg(long, env = "CUSTODIA_STORE", value_name = "HASH", conflicts_with = "file")]
    pub(crate) store: Option<String>,
    /// A public key that is trusted, as NAME+ID+KEY; may be repeated [default with --store: those of the database]
    #[arg(long = "key", env = "CUSTODIA_KEY", value_name = "PUBLICKEY", value_delimiter = ',')]
    pub(crate) keys: Vec<String>,
    /// A file of public keys that are trusted, one a line
    #[arg(long, env = "CUSTODIA_KEY_FILE", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// A file with a checkpoint that was signed earlier: what it signs must be the beginning of what there is now; may
    /// be repeated
    #[arg(
        long = "checkpoint",
        env = "CUSTODIA_CHECKPOINT",
        value_name = "OLD",
        value_delimiter = ','
    )]
    pub(crate) checkpoints: Vec<PathBuf>,
}
