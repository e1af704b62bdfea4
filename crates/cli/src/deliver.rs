//! `custodia deliver`

use std::{path::Path, sync::Arc};

use delivery::{Guard, Post, Profile, System, Worker, roots};
use kernel::{SystemChance, SystemClock};
use rest::{App, Settings};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use crate::{
    Outcome, log, open,
    options::{DeliverOptions, Shared, Switch},
    serve::stop,
};

pub(crate) async fn run(shared: &Shared, options: DeliverOptions) -> Outcome {
    let _log = log::start(shared.log, shared.log_format.unwrap_or(log::Format::Json));
    let DeliverOptions { webhooks, ladder, block } = options;
    let profile = match (ladder, block) {
        (None, Switch::On) => Profile::published(),
        (ladder, block) => Profile::trial(ladder, block == Switch::On),
    };
    let webhook_allow = webhooks.webhook_allow;
    if profile.is_trial() && webhook_allow.is_empty() {
        return Err(
            "--ladder and --block off are for trying an app: they need --webhook-allow, and \
                    nothing is sent to anywhere else"
                .into(),
        );
    }
    let mut stop = Box::pin(stop()?);
    let db = tokio::select! {
        opened = open::database(&shared.database) => opened?,
        () = &mut stop => return Ok(()),
    };
    let webhook_history = webhooks.history.webhook_history;
    let settings = Settings { webhook_allow, webhook_history, ..Settings::default() };
    let seal = open::seal(shared, &db).await?;
    let app = App::new(db, seal, Arc::new(SystemClock), Arc::new(SystemChance), settings).await?;
    let worker = worker(&app, profile, webhooks.webhook_ca.as_deref())?;
    tracing::info!(engine = app.db.engine(), "delivering");
    worker.keep(stop).await;
    app.db.close().await?;
    tracing::info!("stopped");
    Ok(())
}

/// Who delivers webhooks over the machine's network.
pub(crate) fn worker(app: &App, profile: Profile, authorities: Option<&Path>) -> Outcome<Worker> {
    let guard = Guard::allowing(app.settings.webhook_allow.clone());
    let guard = if profile.is_trial() { guard.only() } else { guard };
    let mut roots = roots();
    if let Some(path) = authorities {
        let unreadable = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        for root in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))? {
            roots
                .add(root.map_err(|error| unreadable(&error))?)
                .map_err(|error| unreadable(&error))?;
        }
    }
    Ok(Worker::new(app.clone(), profile, Post::new(guard, Arc::new(System::default()), roots)))
}
