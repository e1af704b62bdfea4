//! `GET`, `POST`, `PUT` and `DELETE /v3/customers/addresses`, and the addresses that a V3 customer shows.

use axum::{Extension, extract::State, http::Method};
use kernel::{AddressId, CustomerId, Error, Scope, Violations, fold};
use rest::{
    App, Caller, NoContent, Routes, json,
    v3::{Body, Failure, Json, Meta, NoParams, Page, Pagination, Params, Reply, Written},
};

use super::{
    filter::Filter,
    model::{Changes, Named},
    ops::{self, Done, Row},
    shape::{AddressBody, answered, at_fault, checked, in_words, said, whole},
    within::{Draft, Outcome},
};

pub fn routes(routes: Routes) -> Routes {
    const PATH: &str = "/customers/addresses";
    routes
        .v3()
        .get(PATH, Scope::CustomersRead, list)
        .at_once(10, Method::POST, PATH, Scope::CustomersModify, create)
        .at_once(3, Method::PUT, PATH, Scope::CustomersModify, update)
        .delete(PATH, Scope::CustomersModify, delete)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Json<Page<AddressBody>>> {
    let filter = filter(&mut params)?;
    let with_form_fields = !params.include(&[("formfields", ())])?.is_empty();
    let window = params.pages()?;
    params.finish()?;
    let listing = ops::list(&app, &caller, &filter, window.part(), with_form_fields).await?;
    let pagination = Pagination::new(&window, listing.addresses.len(), listing.total);
    let meta = Meta { pagination: Some(pagination.at_least_one_page()), ..Meta::default() };
    let body = |address| AddressBody::new(address, &listing.form_fields);
    Ok(Json(Page { data: listing.addresses.into_iter().map(body).collect(), meta }))
}

async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<Written<AddressBody>>> {
    const TITLE: &str = "Create customer addresses failed.";
    let rows = body.many_rows(|fields| {
        let customer = CustomerId(fields.required("customer_id", json::integer));
        let mut said = whole(fields);
        said.state_or_province = Some(fields.required("state_or_province", json::text));
        said.postal_code = Some(fields.required("postal_code", json::text));
        (customer, said, answered(fields))
    })?;
    let draft = |(index, (customer, said, form_fields))| match checked(said) {
        Ok(details) => Ok((customer, Draft { details, form_fields })),
        Err(error) => Err(at_fault(TITLE, index, error)),
    };
    let drafts = rows.into_iter().enumerate().map(draft).collect::<Result<Vec<_>, _>>()?;
    let refused = |error| refused(TITLE, "customer_id", error);
    let done = ops::create(&app, &caller, &drafts).await.map_err(refused)?;
    Ok(Json(written(done)))
}

async fn update(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<Written<AddressBody>>> {
    const TITLE: &str = "Update customer addresses failed.";
    let rows = body.many_rows(|fields| {
        let id = AddressId(fields.key("id", json::integer));
        let mut said = said(fields);
        said.first_name = fields.optional("first_name", json::text);
        said.last_name = fields.optional("last_name", json::text);
        said.address1 = fields.optional("address1", json::text);
        said.city = fields.optional("city", json::text);
        said.country = fields.optional("country_code", json::text).map(Named::Code);
        said.state_or_province = fields.optional("state_or_province", json::text);
        said.postal_code = fields.optional("postal_code", json::text);
        (id, said, answered(fields))
    })?;
    let changes = |(index, (id, said, form_fields))| match Changes::new(said) {
        Ok(changes) => Ok((id, changes, form_fields)),
        Err(error) => Err(at_fault(TITLE, index, in_words(error))),
    };
    let changes = rows.into_iter().enumerate().map(changes).collect::<Result<Vec<Row>, _>>()?;
    let refused = |error| refused(TITLE, "id", error);
    let done = ops::update(&app, &caller, None, &changes).await.map_err(refused)?;
    Ok(Json(written(done)))
}

/// Without `id:in` nothing is deleted, and 204 is the answer all the same (ruling 15).
async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<NoContent> {
    let ids = params.integers::<AddressId>("id:in")?.unwrap_or_default();
    params.finish()?;
    ops::delete(&app, &caller, None, &ids).await?;
    Ok(NoContent)
}

fn filter(params: &mut Params) -> Result<Filter, Failure> {
    let mut folded = |name| -> Result<Option<Vec<String>>, Failure> {
        Ok(params.texts(name)?.map(|texts| texts.iter().map(|text| fold(text)).collect()))
    };
    let (companies, names) = (folded("company:in")?, folded("name:in")?);
    Ok(Filter {
        ids: params.integers("id:in")?,
        customers: params.integers("customer_id:in")?,
        names,
        companies,
    })
}

/// A refusal of the whole batch. `key` is the member that names what was not found.
fn refused(title: &str, key: &str, error: Error) -> Failure {
    match error {
        Error::UnknownRow { index, what } => {
            let mut faults = Violations::default();
            faults.add(format!("{index}.{key}"), format!("invalid {what} ID"));
            Failure::refused(title, faults)
        }
        // Told by row already: only the whole address shows it.
        Error::Invalid(faults) => Failure::refused(title, faults),
        error => error.into(),
    }
}

/// What was written. An address that its customer has already is absent (published).
fn written(done: Done) -> Written<AddressBody> {
    let address = |outcome| match outcome {
        Outcome::Written(address) => Some(AddressBody::new(address, &done.form_fields)),
        Outcome::Duplicate(_) => None,
    };
    Written::new(done.outcomes.into_iter().filter_map(address).collect())
}
