//! Pages made from the OpenAPI document, for people and for language models. They load nothing from anywhere
//! and need no script.

mod block;
mod describe;
mod fields;
mod html;
mod markdown;

use std::{collections::BTreeMap, fmt::Write as _, sync::LazyLock};

use axum::{
    body::{Body, Bytes},
    http::{
        HeaderValue, StatusCode, Uri,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    },
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use kernel::Scope;
use rest::{Plain, Routes, Version};
use sha2::{Digest as _, Sha256};

use self::block::{Block, Inline, Page};
use crate::document::{self, Json};

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .version(Version::Root)
        .get("/openapi.json", Scope::Public, show)
        .get("/docs", Scope::Public, show)
        .get("/docs.md", Scope::Public, show)
        .get("/docs/{page}", Scope::Public, show)
        .get("/llms.txt", Scope::Public, show)
        .get("/llms-full.txt", Scope::Public, show)
}

/// Whatever stands at this path. What it is asked with does not matter: there is nothing to choose.
async fn show(uri: Uri) -> Response {
    let Some((kind, text)) = SITE.texts.get(uri.path()) else {
        return Plain(StatusCode::NOT_FOUND, "The route is not found, check the URL")
            .into_response();
    };
    let mut response = Response::new(Body::from(text.clone()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if *kind == HTML {
        headers.insert(CONTENT_SECURITY_POLICY, SITE.policy.clone());
    }
    response
}

/// Made when the first reader comes, and kept: a server that nobody reads has nothing of it in memory.
static SITE: LazyLock<Site> = LazyLock::new(|| Site::of(&document::document()));

struct Site {
    /// What a browser may do with a page: show it, in the one style that is in it.
    policy: HeaderValue,
    /// By path: the content type, and the text.
    texts: BTreeMap<String, (&'static str, Bytes)>,
}

impl Site {
    fn of(document: &Json) -> Self {
        let mut texts = BTreeMap::new();
        let json = serde_json::to_vec(document).expect("texts and numbers make JSON");
        texts.insert("/openapi.json".to_owned(), ("application/json", Bytes::from(json)));
        let mut all = String::new();
        for page in describe::pages(document) {
            let markdown = markdown::page(&page);
            let _ = writeln!(all, "{markdown}");
            texts.insert(path(&page.slug, ""), (HTML, html::page(&page).into()));
            texts.insert(path(&page.slug, ".md"), (MARKDOWN, markdown.into()));
        }
        texts.insert("/llms.txt".to_owned(), (TEXT, llms(document).into()));
        texts.insert("/llms-full.txt".to_owned(), (TEXT, all.into()));
        let policy = HeaderValue::try_from(policy()).expect("base64 makes a header");
        Self { policy, texts }
    }
}

/// Where a page is; with `.md`, the same as Markdown.
fn path(slug: &str, suffix: &str) -> String {
    if slug.is_empty() { format!("/docs{suffix}") } else { format!("/docs/{slug}{suffix}") }
}

fn policy() -> String {
    let style = STANDARD.encode(Sha256::digest(html::STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// The index in the form of llms.txt: a title, a summary in a quotation, then lists of links.
fn llms(document: &Json) -> String {
    let info = document.get("info").unwrap_or(&Json::Null);
    let mut blocks = Vec::new();
    for (tag, operations) in describe::by_tag(document) {
        blocks.push(Block::Heading(2, tag.text_of("name").to_owned()));
        let link = |(path, method, operation): (&str, &str, &Json)| {
            let words = operation.text_of("summary").to_owned();
            vec![
                Inline::Page(words, describe::slug(operation)),
                Inline::Text(": ".to_owned()),
                Inline::Code(format!("{} {path}", method.to_uppercase())),
            ]
        };
        blocks.push(Block::List(operations.into_iter().map(link).collect()));
    }
    let more = [
        ("Overview", "/docs.md", "tokens, lists, dates, refusals, limits"),
        ("OpenAPI document", "/openapi.json", "the same for machines"),
        ("Everything in one text", "/llms-full.txt", "all pages, one after another"),
    ];
    let link = |(words, path, what): (&str, &str, &str)| {
        vec![Inline::Path(words.to_owned(), path.to_owned()), Inline::Text(format!(": {what}"))]
    };
    blocks.push(Block::Heading(2, "Optional".to_owned()));
    blocks.push(Block::List(more.into_iter().map(link).collect()));
    let title = info.text_of("title").to_owned();
    let page = markdown::page(&Page { slug: String::new(), title, blocks });
    let (title, rest) = page.split_once('\n').unwrap_or((&page, ""));
    format!("{title}\n\n> {}\n{rest}", info.text_of("summary"))
}

const HTML: &str = "text/html; charset=utf-8";
const MARKDOWN: &str = "text/markdown; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
