//! `/v2/customer_groups`.

use axum::{
    Extension,
    extract::State,
    http::Method as Verb,
    response::{IntoResponse as _, Response},
};
use kernel::{GroupId, Money, Scope, Timestamp, fold};
use rest::{
    App, Caller, Routes, json,
    v2::{Body, Empty, Failure, Fields, Ids, Json, NoParams, Params, Reply},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    model::{CategoryAccess, Changes, Discount, Group, Method, Rule, Said},
    ops,
    rows::Filter,
};
use crate::customers::filter::Span;

pub fn routes(routes: Routes) -> Routes {
    const ALL: &str = "/customer_groups";
    const ONE: &str = "/customer_groups/{customer_group_id}";
    routes
        .v2()
        .at_once(AT_ONCE, Verb::GET, ALL, Scope::CustomersRead, list)
        .at_once(AT_ONCE, Verb::POST, ALL, Scope::CustomersModify, create)
        .get("/customer_groups/count", Scope::CustomersRead, count)
        .get(ONE, Scope::CustomersRead, get)
        .put(ONE, Scope::CustomersModify, update)
        .at_once(AT_ONCE, Verb::DELETE, ONE, Scope::CustomersModify, delete)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Response> {
    let filter = filter(&mut params)?;
    let window = params.window()?;
    params.finish()?;
    let groups = ops::list(&app, &caller, &filter, window.part()).await?;
    if groups.is_empty() {
        return Ok(Empty.into_response());
    }
    let bodies: Vec<GroupBody> = groups.into_iter().map(GroupBody::from).collect();
    Ok(Json::ok(bodies).into_response())
}

async fn count(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Json<CountBody>> {
    let filter = filter(&mut params)?;
    params.finish()?;
    Ok(Json::ok(CountBody { count: ops::count(&app, &caller, &filter).await? }))
}

/// The page publishes the filters and pages of the list here too: a group that does not match is not found.
async fn get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    mut params: Params,
) -> Reply<Json<GroupBody>> {
    let filter = Filter { id: Some(GroupId(id)), ..filter(&mut params)? };
    params.window()?;
    params.finish()?;
    Ok(Json::ok(ops::find(&app, &caller, &filter).await?.into()))
}

async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<GroupBody>> {
    let said = body.object(MEMBERS, |fields| {
        let name = Some(fields.required("name", json::text));
        Said { name, ..said(fields) }
    })?;
    let group = ops::create(&app, &caller, &Changes::new(said)?).await?;
    Ok(Json::created(group.into()))
}

async fn update(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
    body: Body,
) -> Reply<Json<GroupBody>> {
    let said = body.object(MEMBERS, |fields| {
        let name = fields.optional("name", json::text);
        Said { name, ..said(fields) }
    })?;
    let group = ops::update(&app, &caller, GroupId(id), &Changes::new(said)?).await?;
    Ok(Json::ok(group.into()))
}

async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
) -> Reply<Empty> {
    ops::delete(&app, &caller, GroupId(id)).await?;
    Ok(Empty)
}

/// What POST and PUT both read. Published read-only members are known, and ignored (ruling 22).
fn said(fields: &mut Fields) -> Said {
    Said {
        is_default: fields.optional("is_default", json::boolean),
        is_for_guests: fields.optional("is_group_for_guests", json::boolean),
        access: fields.optional("category_access", access),
        rules: fields.optional("discount_rules", json::list(rule)),
        ..Said::default()
    }
}

/// Categories "should be supplied only if type is specific": elsewhere there may be none.
fn access(value: &Value) -> json::Read<CategoryAccess> {
    let value = json::object(value)?;
    let categories = json::member(value, "categories", json::list(json::integer))?;
    let categories = categories.unwrap_or_default();
    match json::member(value, "type", json::text)?.as_deref() {
        Some("specific") => Ok(CategoryAccess::Specific(categories.into_iter().collect())),
        Some("all") if categories.is_empty() => Ok(CategoryAccess::All),
        Some("none") if categories.is_empty() => Ok(CategoryAccess::None),
        _ => Err("error.expected.validenumvalue".into()),
    }
}

fn rule(value: &Value) -> json::Read<Rule> {
    let value = json::object(value)?;
    let id = |name: &str| -> json::Read<i64> {
        let id = json::member(value, name, json::integer)?;
        id.ok_or_else(|| "error.path.missing".into())
    };
    let discount = discount(value)?;
    let required = || discount.ok_or(json::Unreadable::from("error.path.missing"));
    match json::member(value, "type", json::text)?.as_deref() {
        Some("price_list") => Ok(Rule::PriceList(id("price_list_id")?)),
        Some("all") => Ok(Rule::All(discount)),
        Some("category") => Ok(Rule::Category(id("category_id")?, required()?)),
        Some("product") => Ok(Rule::Product(id("product_id")?, required()?)),
        _ => Err("error.expected.validenumvalue".into()),
    }
}

/// Method and amount, or neither; an amount is "Float, Float as String, Integer".
fn discount(value: &Value) -> json::Read<Option<Discount>> {
    let method = json::member(value, "method", |value| {
        Method::named(&json::text(value)?).ok_or("error.expected.validenumvalue".into())
    })?;
    match (method, json::member(value, "amount", amount)?) {
        (Some(method), Some(amount)) => Ok(Some(Discount { method, amount })),
        (None, None) => Ok(None),
        _ => Err("error.path.missing".into()),
    }
}

fn amount(value: &Value) -> json::Read<Money> {
    match value {
        Value::String(text) => text.parse().map_err(|_| "not an amount".into()),
        value => json::money(value),
    }
}

fn filter(params: &mut Params) -> Result<Filter, Failure> {
    let mut span = |min: &str, max: &str, equal: &str| -> Result<Span, Failure> {
        Ok(Span::new(params.when(min)?, params.when(max)?, params.when(equal)?))
    };
    let created = span("date_created:min", "date_created:max", "date_created")?;
    let modified = span("date_modified:min", "date_modified:max", "date_modified")?;
    Ok(Filter {
        id: None,
        name: params.text("name"),
        name_part: params.text("name:like").map(|part| fold(&part)),
        is_default: params.boolean("is_default")?,
        is_for_guests: params.boolean("is_group_for_guests")?,
        created,
        modified,
    })
}

#[derive(Serialize)]
struct CountBody {
    count: i64,
}

/// A group in the published order, with the published form of its dates.
#[derive(Serialize)]
struct GroupBody {
    id: i64,
    name: String,
    is_default: bool,
    category_access: AccessBody,
    discount_rules: Vec<RuleBody>,
    date_created: String,
    date_modified: String,
    is_group_for_guests: bool,
}

#[derive(Serialize)]
struct AccessBody {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    categories: Option<Vec<i64>>,
}

#[derive(Default, Serialize)]
struct RuleBody {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price_list_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product_id: Option<i64>,
}

impl From<Group> for GroupBody {
    fn from(group: Group) -> Self {
        let (kind, categories) = match group.access {
            CategoryAccess::All => ("all", None),
            CategoryAccess::None => ("none", None),
            CategoryAccess::Specific(ids) => ("specific", Some(ids.into_iter().collect())),
        };
        Self {
            id: group.id.0,
            name: group.name,
            is_default: group.is_default,
            category_access: AccessBody { r#type: kind, categories },
            discount_rules: group.rules.into_iter().map(RuleBody::from).collect(),
            date_created: date(group.created_at),
            date_modified: date(group.modified_at),
            is_group_for_guests: group.is_for_guests,
        }
    }
}

impl From<Rule> for RuleBody {
    fn from(rule: Rule) -> Self {
        let discounted = |r#type, discount: Option<Discount>| Self {
            r#type,
            method: discount.map(|discount| discount.method.name()),
            amount: discount.map(|discount| discount.amount.to_four_decimals()),
            ..Self::default()
        };
        match rule {
            Rule::PriceList(id) => {
                Self { price_list_id: Some(id), ..discounted("price_list", None) }
            }
            Rule::All(discount) => discounted("all", discount),
            Rule::Category(id, discount) => {
                Self { category_id: Some(id), ..discounted("category", Some(discount)) }
            }
            Rule::Product(id, discount) => {
                Self { product_id: Some(id), ..discounted("product", Some(discount)) }
            }
        }
    }
}

/// `2023-07-17 06:30:41`: groups alone are published so.
fn date(at: Timestamp) -> String {
    at.to_rfc3339().replace('T', " ").trim_end_matches('Z').to_owned()
}

/// Published for the list, POST and DELETE.
const AT_ONCE: u32 = 40;

/// Every member a body may have; those that are read-only are ignored.
const MEMBERS: &[&str] = &[
    "name",
    "is_default",
    "category_access",
    "discount_rules",
    "is_group_for_guests",
    "id",
    "date_created",
    "date_modified",
];
