//! `GET` and `PUT /v3/customers/settings`, and the same for one channel (observed.md 4.4).

use axum::{Extension, extract::State};
use kernel::{ChannelId, Error, GroupId, Scope};
use rest::{
    App, Caller, Routes,
    json::{self, Read},
    v3::{Body, Failure, Fields, Ids, Json, NoParams, One, Reply},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    model::{STORE, Said, Settings},
    ops,
};

pub fn routes(routes: Routes) -> Routes {
    const STORES: &str = "/customers/settings";
    const CHANNELS: &str = "/customers/settings/channels/{channel_id}";
    routes
        .v3()
        .get(STORES, Scope::CustomersRead, get)
        .put(STORES, Scope::CustomersModify, put)
        .get(CHANNELS, Scope::CustomersRead, get_of_channel)
        .put(CHANNELS, Scope::CustomersModify, put_of_channel)
}

async fn get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
) -> Reply<Json<One<SettingsBody>>> {
    let settings = ops::find(&app, &caller, STORE).await?;
    Ok(Json(One::new(SettingsBody::of_store(settings))))
}

async fn put(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<One<SettingsBody>>> {
    let said = body.object(said)?.checked().map_err(refused)?;
    let settings = ops::change(&app, &caller, STORE, &said).await.map_err(refused)?;
    Ok(Json(One::new(SettingsBody::of_store(settings))))
}

async fn get_of_channel(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([channel]): Ids<1>,
    _: NoParams,
) -> Reply<Json<One<SettingsBody>>> {
    let channel = ChannelId(channel);
    let settings = ops::find(&app, &caller, channel).await?;
    Ok(Json(One::new(SettingsBody::of_channel(settings, channel))))
}

async fn put_of_channel(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([channel]): Ids<1>,
    _: NoParams,
    body: Body,
) -> Reply<Json<One<SettingsBody>>> {
    let channel = ChannelId(channel);
    let said = body.object(|fields| {
        let global_logins = fields.nullable("allow_global_logins", json::boolean);
        Said { global_logins, ..said(fields) }
    })?;
    let said = said.checked().map_err(refused)?;
    let settings = ops::change(&app, &caller, channel, &said).await.map_err(refused)?;
    Ok(Json(One::new(SettingsBody::of_channel(settings, channel))))
}

/// What both PUTs read. A section that is null takes back all that is in it.
fn said(fields: &mut Fields<'_>) -> Said {
    let privacy = fields.nullable("privacy_settings", |value| {
        let value = json::object(value)?;
        Ok((
            nullable(value, ASK, json::boolean)?,
            nullable(value, POLICY_URL, json::text)?,
            nullable(value, ASK_AT_CHECKOUT, json::boolean)?,
        ))
    });
    let privacy = privacy.map(|said| said.unwrap_or((Some(None), Some(None), Some(None))));
    let (ask_for_consent, policy_url, ask_at_checkout) = privacy.unwrap_or_default();
    let groups = fields.nullable("customer_group_settings", |value| {
        let value = json::object(value)?;
        Ok((nullable(value, GUESTS, group)?, nullable(value, DEFAULT, group)?))
    });
    let groups = groups.map(|said| said.unwrap_or((Some(None), Some(None))));
    let (guest_group, default_group) = groups.unwrap_or_default();
    Said {
        ask_for_consent,
        policy_url,
        ask_at_checkout,
        guest_group,
        default_group,
        ..Said::default()
    }
}

fn group(value: &Value) -> Read<GroupId> {
    json::integer(value).map(GroupId)
}

/// A member for which `null` means something: `Some(None)`.
#[expect(clippy::option_option, reason = "absent, null, or a value")]
fn nullable<T>(
    object: &Value,
    name: &str,
    read: impl Fn(&Value) -> Read<T>,
) -> Read<Option<Option<T>>> {
    let is_there = object.get(name).is_some();
    Ok(is_there.then_some(json::member(object, name, read)?))
}

/// The domain's field names as V3 has them.
fn refused(error: Error) -> Failure {
    let Error::Invalid(faults) = error else { return error.into() };
    let faults = faults.renamed(|field| match field {
        "policy_url" => "privacy_settings.policy_url",
        "guest_group" => "customer_group_settings.guest_customer_group_id",
        "default_group" => "customer_group_settings.default_customer_group_id",
        "global_logins" => "allow_global_logins",
        same => same,
    });
    Failure::refused("Update customer settings failed.", faults)
}

/// Settings in the recorded order.
#[derive(Serialize)]
struct SettingsBody {
    privacy_settings: PrivacyBody,
    customer_group_settings: GroupsBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_global_logins: Option<bool>,
}

#[derive(Serialize)]
struct PrivacyBody {
    ask_shopper_for_tracking_consent: Option<bool>,
    policy_url: Option<String>,
    ask_shopper_for_tracking_consent_on_checkout: Option<bool>,
}

#[derive(Serialize)]
struct GroupsBody {
    guest_customer_group_id: Option<i64>,
    default_customer_group_id: Option<i64>,
}

impl SettingsBody {
    /// With a value for everything.
    fn of_store(settings: Settings) -> Self {
        Self::new(Settings {
            ask_for_consent: settings.ask_for_consent.or(Some(false)),
            policy_url: settings.policy_url.or_else(|| Some(String::new())),
            ask_at_checkout: settings.ask_at_checkout.or(Some(false)),
            guest_group: settings.guest_group.or(Some(GroupId(0))),
            default_group: settings.default_group.or(Some(GroupId(0))),
            global_logins: None,
        })
    }

    /// With null for what the channel inherits; who may sign in is no setting of the store's.
    fn of_channel(settings: Settings, channel: ChannelId) -> Self {
        let global_logins = Some(settings.lets_everybody_in(channel));
        Self::new(Settings { global_logins, ..settings })
    }

    fn new(settings: Settings) -> Self {
        Self {
            privacy_settings: PrivacyBody {
                ask_shopper_for_tracking_consent: settings.ask_for_consent,
                policy_url: settings.policy_url,
                ask_shopper_for_tracking_consent_on_checkout: settings.ask_at_checkout,
            },
            customer_group_settings: GroupsBody {
                guest_customer_group_id: settings.guest_group.map(|group| group.0),
                default_customer_group_id: settings.default_group.map(|group| group.0),
            },
            allow_global_logins: settings.global_logins,
        }
    }
}

const ASK: &str = "ask_shopper_for_tracking_consent";
const POLICY_URL: &str = "policy_url";
const ASK_AT_CHECKOUT: &str = "ask_shopper_for_tracking_consent_on_checkout";
const GUESTS: &str = "guest_customer_group_id";
const DEFAULT: &str = "default_customer_group_id";
