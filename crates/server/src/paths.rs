use axum::http::{
    Request, Uri,
    header::{ACCEPT, HeaderValue},
    uri::PathAndQuery,
};

/// Bring a path into the form that routes have: `//` collapses, one `/` at the end is dropped, V2's `.json`
/// is dropped. V2's `.xml` is an `Accept` that admits no JSON (ruling 31).
pub(crate) fn clean<B>(mut request: Request<B>) -> Request<B> {
    let path = request.uri().path();
    let wants_xml = suffix(path) == ".xml" && is_v2(path);
    if wants_xml {
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/xml"));
    }
    if let Some(uri) = cleaned(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

fn is_v2(path: &str) -> bool {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.next() == Some("stores") && segments.nth(1) == Some("v2")
}

/// The format that a path names, written as V2 always was: lower case.
fn suffix(path: &str) -> &'static str {
    let path = path.trim_end_matches('/');
    [".json", ".xml"].into_iter().find(|suffix| path.ends_with(suffix)).unwrap_or_default()
}

/// The clean form, if it differs.
fn cleaned(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let doubled = path.contains("//");
    let slashed = path.len() > 1 && path.ends_with('/');
    let suffixed = !suffix(path).is_empty() && is_v2(path);
    if !doubled && !slashed && !suffixed {
        return None;
    }
    let mut clean = String::with_capacity(uri.path().len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        clean.push('/');
        clean.push_str(segment);
    }
    if is_v2(&clean) {
        clean.truncate(clean.len() - suffix(&clean).len());
    }
    if clean.is_empty() {
        clean.push('/');
    }
    if let Some(query) = uri.query() {
        clean.push('?');
        clean.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(clean).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(uri: &str, expected: Option<&str>) {
        let clean = cleaned(&uri.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(clean.as_deref(), expected);
    }

    #[test]
    fn paths_are_brought_into_the_form_of_routes() {
        check("/stores/acme/v3/customers", None);
        check("/stores/acme/v3/customers/?page=1", Some("/stores/acme/v3/customers?page=1"));
        check("/stores/acme/v3//customers//addresses", Some("/stores/acme/v3/customers/addresses"));
        check("/stores/acme/v2/customers/5.json", Some("/stores/acme/v2/customers/5"));
        check("/stores/acme/v2/customers.json/", Some("/stores/acme/v2/customers"));
        check("/stores/acme/v2/customers.xml", Some("/stores/acme/v2/customers"));
        check("/stores/acme/v3/customers.json", None);
        check("//stores//acme/v2/customers.xml", Some("/stores/acme/v2/customers"));
        check("/stores/v2/v3/customers.json", None);
        check("//", Some("/"));
        check("/", None);
    }
}
