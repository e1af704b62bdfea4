//! `custodia serve`

use std::{path::Path, sync::Arc};

use delivery::Profile;
use kernel::{SystemChance, SystemClock};
use rest::{App, Settings};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use server::Listener;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    Outcome, deliver, log, open,
    options::{ServeOptions, Shared},
};

pub(crate) async fn run(shared: &Shared, options: ServeOptions) -> Outcome {
    let _log = log::start(shared.log, shared.log_format.unwrap_or(log::Format::Json));
    let tls = match (&options.tls_cert, &options.tls_key) {
        (Some(certificate), Some(key)) => Some(tls_config(certificate, key)?),
        _ => None,
    };
    let mut stop = Box::pin(stop()?);
    // Another server may be migrating; whoever is told to stop meanwhile need not wait for it.
    let db = tokio::select! {
        opened = open::database(&shared.database) => opened?,
        () = &mut stop => return Ok(()),
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let public_url = options.public_url.unwrap_or_else(|| format!("{scheme}://{}", options.listen));
    let public_url = public_url.trim_end_matches('/').to_owned();
    let ServeOptions { body_limit, cache_bytes, behind_proxy, .. } = options;
    let webhook_allow = options.webhooks.webhook_allow.clone();
    let webhook_history = options.webhooks.history.webhook_history;
    let settings = Settings {
        public_url,
        body_limit,
        behind_proxy,
        webhook_allow,
        webhook_history,
        shelf_bytes: cache_bytes,
        ..Settings::default()
    };
    let seal = open::seal(shared, &db).await?;
    let app = App::new(db, seal, Arc::new(SystemClock), Arc::new(SystemChance), settings).await?;
    // Bound only now: whoever reaches the port is answered.
    let listener = Listener::bind(options.listen, tls)
        .map_err(|error| format!("{}: {error}", options.listen))?;
    tracing::info!(listen = %options.listen, engine = app.db.engine(), "ready");
    let worker = if options.no_deliver {
        None
    } else {
        let authorities = options.webhooks.webhook_ca.as_deref();
        Some(deliver::worker(&app, Profile::published(), authorities)?)
    };
    server::serve(app, listener, worker, stop).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Waits for SIGTERM or SIGINT.
///
/// Also keeps SIGXFSZ from killing the process: where an operator limits the size of files, a write that goes
/// past the limit must fail like any other, and be refused to its caller.
pub(crate) fn stop() -> Outcome<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let file_size = signal(SignalKind::from_raw(SIGXFSZ))?;
    Ok(async move {
        let _file_size = file_size;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// What the service shows who it is with.
pub(crate) fn tls_config(certificate: &Path, key: &Path) -> Outcome<Arc<ServerConfig>> {
    let unreadable =
        |path: &Path, error: rustls::pki_types::pem::Error| format!("{}: {error}", path.display());
    let chain = CertificateDer::pem_file_iter(certificate)
        .map_err(|error| unreadable(certificate, error))?;
    let chain =
        chain.collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(certificate, error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions()?.with_no_client_auth();
    let mut config = config.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

const SIGXFSZ: i32 = 25;
