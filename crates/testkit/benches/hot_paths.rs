//! The paths that a storefront and a sync job take all day, each asked a fixed number of times in this process: for
//! `scripts/instructions`, which runs this under callgrind and counts instructions between [`begin`] and [`end`].
//!
//! Everything is the same in each run: clock and chance are those of the tests, one request follows the other, and
//! there are no sockets. What serves sockets, and what writes the log, is not counted.

use std::{hint::black_box, io::Write as _};

use axum::{
    body::Body,
    http::{Request, Response, StatusCode, header::CONTENT_TYPE},
};
use http_body_util::BodyExt as _;
use mimalloc::MiMalloc;
use rest::Settings;
use serde_json::{Value, json};
use testkit::{Engine, Service};
use tower::ServiceExt as _;

/// As the binary allocates: and the system's would count differently from one machine to the next.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Customers of the store. Requests go from one to the next.
const CUSTOMERS: usize = 500;

/// One hot path.
struct Path {
    name: &'static str,
    /// Whether answers are kept, and so come from memory from the third time on.
    keeps: bool,
    /// How often it is gone before anything is counted.
    warm_up: usize,
    /// How often it is counted.
    requests: usize,
    /// The request of this number.
    request: fn(usize) -> Request<Body>,
}

const PATHS: [Path; 8] = [
    Path {
        name: "GET consent",
        keeps: false,
        warm_up: CUSTOMERS,
        requests: 500,
        request: |number| get(&format!("v3/customers/{}/consent", customer(number))),
    },
    Path {
        name: "GET V2 customer",
        keeps: false,
        warm_up: CUSTOMERS,
        requests: 500,
        request: |number| get(&format!("v2/customers/{}", customer(number))),
    },
    Path {
        name: "GET list of 250",
        keeps: false,
        warm_up: 4,
        requests: 20,
        request: |number| get(&format!("v3/customers?limit=250&page={}", 1 + number % 2)),
    },
    Path {
        name: "GET consent, again",
        keeps: true,
        warm_up: 2 * CUSTOMERS,
        requests: 500,
        request: |number| get(&format!("v3/customers/{}/consent", customer(number))),
    },
    Path {
        name: "GET V2 customer, again",
        keeps: true,
        warm_up: 2 * CUSTOMERS,
        requests: 500,
        request: |number| get(&format!("v2/customers/{}", customer(number))),
    },
    Path {
        name: "GET list of 250, again",
        keeps: true,
        warm_up: 4,
        requests: 20,
        request: |number| get(&format!("v3/customers?limit=250&page={}", 1 + number % 2)),
    },
    Path {
        name: "PUT consent",
        keeps: true,
        warm_up: 100,
        requests: 300,
        request: |number| {
            let body = json!({"allow": ["essential", "functional"], "deny": ["targeting"]});
            send("PUT", &format!("v3/customers/{}/consent", customer(number)), &body)
        },
    },
    Path {
        name: "POST of 10",
        keeps: true,
        warm_up: 10,
        requests: 40,
        request: |number| send("POST", "v3/customers", &ten(number)),
    },
];

fn customer(number: usize) -> usize {
    1 + number % CUSTOMERS
}

/// Ten customers who are not there yet.
fn ten(number: usize) -> Value {
    let person = |n: usize| {
        json!({"email": format!("new{number}.{n}@example.com"), "first_name": "Ada", "last_name": "Lovelace",
            "company": "Acme", "phone": "+49 30 5550100", "notes": "", "accepts_product_review_abandoned_cart_emails": true})
    };
    (0..10).map(person).collect()
}

fn get(path: &str) -> Request<Body> {
    ask("GET", path).body(Body::empty()).expect("a request")
}

fn send(method: &str, path: &str, body: &Value) -> Request<Body> {
    let request = ask(method, path).header(CONTENT_TYPE, "application/json");
    request.body(Body::from(body.to_string())).expect("a request")
}

fn ask(method: &str, path: &str) -> axum::http::request::Builder {
    let request = Request::builder().method(method).uri(format!("/stores/acme/{path}"));
    request.header("host", "localhost").header("x-auth-token", "modify")
}

/// Callgrind's counts begin anew when it sees this being called.
#[inline(never)]
fn begin() {
    black_box("begin");
}

/// Callgrind writes down its counts when it sees this being called.
#[inline(never)]
fn end() {
    black_box("end");
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(testkit::run(Engine::Sqlite, go));
}

/// Go each path, and print its name and how many requests were counted.
async fn go(service: Service) {
    service.crowd(CUSTOMERS.try_into().expect("a number")).await;
    let forgetful = service.with(Settings { shelf_bytes: 0, ..Settings::default() }).await;
    for Path { name, keeps, warm_up, requests, request } in &PATHS {
        let asked = if *keeps { &service } else { &forgetful };
        let door = server::service::<Body>(asked.app().clone());
        for number in 0..*warm_up {
            let Ok(response) = door.clone().oneshot(request(number)).await;
            read(name, response).await;
        }
        let ready: Vec<_> = (*warm_up..warm_up + requests).map(request).collect();
        begin();
        for request in ready {
            let Ok(response) = door.clone().oneshot(request).await;
            read(name, response).await;
        }
        end();
        writeln!(std::io::stdout(), "{name}\t{requests}").expect("somebody reads");
    }
}

/// The whole answer, which must be there.
async fn read(name: &str, response: Response<server::Answer>) {
    let status = response.status();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(status, StatusCode::OK, "{name}: {}", String::from_utf8_lossy(&body));
}
