//! The pages made from the document: what they link to, what they load (nothing), and what they may do.

use std::collections::{BTreeMap, BTreeSet};

use testkit::{Answer, Service, on_each_engine};

use crate::surface::listed;

/// What follows each `mark` up to the quote, bracket or blank that ends it.
fn after<'t>(text: &'t str, mark: &str) -> Vec<&'t str> {
    let rest = text.split(mark).skip(1);
    rest.map(|rest| rest.split(['"', ')', ' ', '\n']).next().unwrap_or_default()).collect()
}

/// Every place that a page of HTML or Markdown leads to.
fn links(page: &Answer) -> Vec<String> {
    let text = page.text();
    let marks: &[&str] = match page.header("content-type") {
        "text/html; charset=utf-8" => &["href=\"", "src=\"", "action=\"", "srcset=\"", "url("],
        "application/json" => &[],
        _ => &["]("],
    };
    marks.iter().flat_map(|mark| after(&text, mark)).map(str::to_owned).collect()
}

/// Every page that can be reached from the index and from llms.txt, by path.
async fn pages(service: &Service) -> BTreeMap<String, Answer> {
    let mut pages = BTreeMap::new();
    let mut ahead = vec!["/docs".to_owned(), "/llms.txt".to_owned()];
    while let Some(path) = ahead.pop() {
        if pages.contains_key(&path) {
            continue;
        }
        let page = service.get("", &path).await;
        ahead.extend(links(&page).into_iter().filter(|link| link.starts_with('/')));
        pages.insert(path, page);
    }
    pages
}

on_each_engine! {
    async fn every_link_of_every_page_leads_to_a_page_that_is_there(service: Service) {
        let pages = pages(&service).await;
        for (path, page) in &pages {
            assert_eq!(page.status, 200, "{path}");
            for link in links(page) {
                assert!(link.starts_with('/') && !link.starts_with("//"), "{path} leads to {link}");
            }
        }
        for path in ["/docs", "/docs.md", "/llms.txt", "/llms-full.txt", "/openapi.json"] {
            assert!(pages.contains_key(path), "{path}");
        }
        let document = &pages["/openapi.json"].json();
        let operations = document["paths"].as_object().unwrap().values();
        let count: usize = operations.map(|methods| methods.as_object().unwrap().len()).sum();
        assert_eq!(pages.len(), 5 + 2 * count, "a page and its Markdown for each operation");
    }

    async fn a_page_loads_nothing_and_runs_nothing(service: Service) {
        for (path, page) in pages(&service).await {
            let text = page.text();
            if page.header("content-type") != "text/html; charset=utf-8" {
                continue;
            }
            for word in ["<script", "<img", "<link", "<iframe", "<form", "@import", "url(", " on", "javascript:"] {
                let tags = text.split('<').skip(1).map(|tag| tag.split('>').next().unwrap_or_default());
                let in_tags = tags.map(|tag| format!("<{tag}")).any(|tag| tag.contains(word));
                assert!(!in_tags, "{path} has {word}");
            }
            let style = text.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
            assert!(!style.contains("url(") && !style.contains("@import"));
            let policy = page.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
            assert!(!policy.contains("unsafe"));
            assert_eq!(page.header("x-content-type-options"), "nosniff");
        }
    }

    async fn every_tag_that_is_opened_is_closed(service: Service) {
        for (path, page) in pages(&service).await {
            if page.header("content-type") != "text/html; charset=utf-8" {
                continue;
            }
            let text = page.text();
            let mut open = Vec::new();
            for tag in text.split('<').skip(1).filter_map(|tag| tag.split('>').next()) {
                let name = tag.split([' ', '\n']).next().unwrap_or_default();
                match name.strip_prefix('/') {
                    Some(name) => assert_eq!(open.pop(), Some(name), "{path}"),
                    None if matches!(name, "!doctype" | "meta") => {}
                    None => open.push(name),
                }
            }
            assert!(open.is_empty(), "{path}: {open:?}");
        }
    }

    async fn a_page_tells_of_its_operation(service: Service) {
        let page = service.get("", "/docs/update-customer-consent").await.text();
        for words in [
            "Declare a customer&#39;s consent",
            "PUT /stores/{store_hash}/v3/customers/{customer_id}/consent",
            "store_v2_customers",
            "PUT /stores/demo/v3/customers/1/consent",
            "<code>deny</code>",
            "both allowed and denied",
            "429",
        ] {
            assert!(page.contains(words), "{words}: {page}");
        }
        let markdown = service.get("", "/docs/update-customer-consent.md").await;
        assert_eq!(markdown.header("content-type"), "text/markdown; charset=utf-8");
        assert!(markdown.text().starts_with("# Declare a customer's consent\n"));
    }

    async fn the_index_for_language_models_has_its_form_and_the_full_text_has_every_page(
        service: Service,
    ) {
        let index = service.get("", "/llms.txt").await;
        assert_eq!(index.header("content-type"), "text/plain; charset=utf-8");
        let text = index.text();
        let mut lines = text.lines().filter(|line| !line.is_empty());
        assert_eq!(lines.next(), Some("# Custodia"));
        assert!(lines.next().is_some_and(|line| line.starts_with("> ")));
        assert!(lines.all(|line| line.starts_with("## ") || line.starts_with("- [")), "{text}");
        assert!(text.contains("\n## Optional\n"));
        let full = service.get("", "/llms-full.txt").await.text();
        for link in links(&index).iter().filter(|link| link.starts_with("/docs")) {
            let page = service.get("", link).await.text();
            assert!(full.contains(&page), "{link}");
        }
    }

    async fn head_is_get_without_the_body_and_an_unknown_page_is_not_routed(service: Service) {
        for path in ["/docs", "/docs.md", "/docs/list-customers", "/docs/", "/llms.txt", "/openapi.json"] {
            let (get, head) = (service.get("", path).await, service.ask("HEAD", path).send().await);
            assert_eq!((get.status, head.status, head.body.len()), (200, 200, 0), "{path}");
            assert_eq!(head.header("content-length"), get.body.len().to_string());
        }
        for path in ["/docs/nothing", "/docs/nothing.md", "/docs/.md", "/docs/list-customers/more", "/docs/List-Customers", "/docs.html", "/llms", "/openapi.yaml", "/docs/%3Cscript%3E"] {
            let unknown = service.get("", path).await;
            let routed = service.get("", "/nothing").await;
            assert_eq!((unknown.status, unknown.text()), (404, routed.text()), "{path}");
            assert_eq!(unknown.header("content-type"), routed.header("content-type"));
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            assert_eq!(service.ask(method, "/docs").send().await.status, 404);
        }
    }
}

/// Two operations with pages of one name would hide one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documentation_is_routed_for_anybody() {
    let routes = listed().await;
    let of_pages: BTreeSet<&str> = routes
        .iter()
        .filter(|operation| crate::surface::is_documentation(operation))
        .inspect(|operation| assert_eq!(operation.scope, kernel::Scope::Public))
        .map(|operation| operation.path)
        .collect();
    assert_eq!(of_pages.len(), 6);
}
