//! `/stores/{hash}/custodia/channels`: ours, to set the scene.

use axum::{Extension, extract::State};
use kernel::{ChannelId, Error, Scope};
use rest::{
    App, Caller, Routes, Version,
    json::{self, Read},
    v3::{Body, Failure, Ids, Json, NoParams, One, Reply, Written},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    model::{Changes, Channel, Kind},
    ops,
};

pub fn routes(routes: Routes) -> Routes {
    routes.version(Version::Own).get("/channels", Scope::CustomersRead, list).put(
        "/channels/{channel_id}",
        Scope::CustomersModify,
        put,
    )
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
) -> Reply<Json<Written<ChannelBody>>> {
    let channels = ops::list(&app, &caller).await?;
    Ok(Json(Written::new(channels.into_iter().map(ChannelBody::from).collect())))
}

async fn put(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
    body: Body,
) -> Reply<Json<One<ChannelBody>>> {
    let (name, kind) =
        body.object(|fields| (fields.optional("name", json::text), fields.optional("type", kind)))?;
    let refused = |error| match error {
        Error::Invalid(faults) => Failure::refused("Update channel failed.", faults),
        error => error.into(),
    };
    let said = Changes::new(name, kind).map_err(refused)?;
    let channel = ops::put(&app, &caller, ChannelId(id), &said).await.map_err(refused)?;
    Ok(Json(One::new(channel.into())))
}

fn kind(value: &Value) -> Read<Kind> {
    Kind::named(&json::text(value)?).ok_or_else(|| "error.expected.validenumvalue".into())
}

#[derive(Serialize)]
struct ChannelBody {
    id: i64,
    name: String,
    r#type: &'static str,
    date_created: String,
}

impl From<Channel> for ChannelBody {
    fn from(channel: Channel) -> Self {
        Self {
            id: channel.id.0,
            name: channel.name,
            r#type: channel.kind.name(),
            date_created: channel.created_at.to_rfc3339(),
        }
    }
}
