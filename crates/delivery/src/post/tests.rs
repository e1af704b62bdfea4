//! Each way around the guard, tried; and what is sent where none is.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use rcgen::{CertificateParams, KeyPair};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
};

use super::*;

/// A network in which names have these addresses, the first time and the next, and every connection ends here.
#[derive(Default)]
struct Fake {
    names: BTreeMap<&'static str, Vec<&'static str>>,
    asked: Mutex<Vec<String>>,
    connected: Mutex<Vec<SocketAddr>>,
    listens: Option<SocketAddr>,
}

impl Dial for Fake {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let before = asked.iter().filter(|name| *name == host).count();
        asked.push(host.to_owned());
        Box::pin(async move {
            let Some(answers) = self.names.get(host) else {
                // Whatever is no name here is read as the system reads it.
                return System.resolve(host, port).await;
            };
            let answer = answers.get(before).or(answers.last()).expect("an answer");
            let addresses = answer.split(' ').map(|it| it.parse::<IpAddr>().expect("an address"));
            Ok(addresses.map(|it| SocketAddr::new(it, port)).collect())
        })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner).push(address);
        let listens = self.listens;
        Box::pin(async move {
            let listens = listens.ok_or(io::ErrorKind::ConnectionRefused)?;
            TcpStream::connect(listens).await
        })
    }
}

fn letter(destination: &str) -> Letter {
    Letter {
        destination: destination.to_owned(),
        headers: Vec::new(),
        id: "64d346b71e4c02453da81c5d97cec8063a6e7a4d".to_owned(),
        sent_at: 1_717_243_200,
        signature: "v1,c2lnbmF0dXJl".to_owned(),
        body: "{}".to_owned(),
    }
}

/// What comes of sending there, and which addresses were connected to.
async fn tried(destination: &str, names: &[(&'static str, &[&'static str])]) -> (Outcome, String) {
    let names = names.iter().map(|(name, answers)| (*name, answers.to_vec())).collect();
    let fake = Arc::new(Fake { names, ..Fake::default() });
    let post = Post::new(Guard::default(), fake.clone(), roots());
    let outcome = post.send(&letter(destination)).await.outcome;
    let connected = fake.connected.lock().unwrap_or_else(PoisonError::into_inner);
    (outcome, connected.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
}

async fn refused(destination: &str, names: &[(&'static str, &[&'static str])]) {
    let (outcome, connected) = tried(destination, names).await;
    assert_eq!(outcome, Outcome::Failed(Fault::Forbidden), "{destination}");
    assert_eq!(connected, "", "{destination}");
}

#[tokio::test]
async fn a_literal_ipv4_address_that_is_private_is_refused() {
    for host in ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"] {
        refused(&format!("https://{host}/hook"), &[]).await;
    }
}

#[tokio::test]
async fn a_literal_ipv6_address_that_is_private_is_refused() {
    for host in ["[::1]", "[fd00:ec2::254]", "[fe80::1]", "[::]"] {
        refused(&format!("https://{host}/hook"), &[]).await;
    }
}

#[tokio::test]
async fn a_mapped_ipv4_address_is_refused() {
    for host in ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:a9fe:a9fe]"] {
        refused(&format!("https://{host}/hook"), &[]).await;
    }
}

#[tokio::test]
async fn an_address_behind_nat64_is_refused() {
    for host in ["[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b::10.0.0.1]"] {
        refused(&format!("https://{host}/hook"), &[]).await;
    }
}

#[tokio::test]
async fn an_address_written_as_one_number_is_refused() {
    for host in ["2130706433", "0x7f000001", "017700000001", "2852039166"] {
        refused(&format!("https://{host}/hook"), &[]).await;
    }
}

#[tokio::test]
async fn an_address_written_in_octal_or_with_parts_left_out_is_refused() {
    for host in ["0177.0.0.1", "0251.0376.0251.0376", "0x7f.1", "127.1", "10.1", "0"] {
        refused(&format!("https://{host}/hook"), &[]).await;
    }
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_refused() {
    for address in ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"]
    {
        let names: [(&str, &[&str]); 1] = [("shop.example", &[address])];
        refused("https://shop.example/hook", &names).await;
    }
    refused("https://localhost/hook", &[]).await;
}

#[tokio::test]
async fn a_name_with_one_private_address_among_public_ones_is_refused() {
    let names: [(&str, &[&str]); 1] = [("shop.example", &["93.184.216.34 10.0.0.1"])];
    refused("https://shop.example/hook", &names).await;
}

#[tokio::test]
async fn a_name_that_changes_between_the_check_and_the_connection_leads_to_what_was_checked() {
    let names: [(&str, &[&str]); 1] = [("shop.example", &["93.184.216.34", "127.0.0.1"])];
    let (outcome, connected) = tried("https://shop.example/hook", &names).await;
    assert_eq!(outcome, Outcome::Failed(Fault::Connection));
    assert_eq!(connected, "93.184.216.34:443", "looked up once, and connected to that");
}

#[tokio::test]
async fn a_public_address_is_reached_neither_by_http_nor_on_another_port() {
    let names: [(&str, &[&str]); 1] = [("shop.example", &["93.184.216.34"])];
    refused("http://shop.example/hook", &names).await;
    refused("http://shop.example:443/hook", &names).await;
    refused("https://shop.example:8443/hook", &names).await;
}

#[tokio::test]
async fn what_is_no_address_of_the_web_is_not_sent_to() {
    for destination in [
        "",
        "/hook",
        "shop.example",
        "ftp://shop.example/",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@shop.example/",
        "https://shop.example@10.0.0.1/",
        "https://a b/",
    ] {
        let (outcome, connected) = tried(destination, &[]).await;
        assert_eq!(outcome, Outcome::Failed(Fault::Address), "{destination}");
        assert_eq!(connected, "");
    }
}

#[tokio::test]
async fn a_trial_sends_nothing_to_where_it_may_not_and_counts_nothing() {
    let names = BTreeMap::from([("shop.example", vec!["93.184.216.34"])]);
    let fake = Arc::new(Fake { names, ..Fake::default() });
    let allowed = vec!["127.0.0.0/8".parse().expect("a range")];
    let post = Post::new(Guard::allowing(allowed).only(), fake.clone(), roots());
    for destination in
        ["https://shop.example/", "https://10.0.0.1/", "https://nowhere.invalid/", "x"]
    {
        let outcome = post.send(&letter(destination)).await.outcome;
        assert_eq!(outcome, Outcome::Failed(Fault::OutsideTrial), "{destination}");
    }
    assert!(fake.connected.lock().unwrap_or_else(PoisonError::into_inner).is_empty());
    let outcome = post.send(&letter("http://127.0.0.1:9/")).await.outcome;
    assert_eq!(outcome, Outcome::Failed(Fault::Connection));
}

/// A receiver that answers once with these bytes; what it was sent.
async fn receiver(answer: &'static str) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let heard = async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let heard = hear(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.expect("it listens");
        // Kept open, as if there were more to say.
        let _ = stream.read(&mut [0; 1]).await;
        heard
    };
    #[expect(clippy::disallowed_methods, reason = "a receiver runs beside the test")]
    let heard = tokio::spawn(heard);
    (address, heard)
}

async fn hear(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).ends_with("{}") {
        let mut some = [0; 1024];
        let count = stream.read(&mut some).await.expect("it speaks");
        assert_ne!(count, 0, "it said all");
        heard.extend_from_slice(&some[..count]);
    }
    String::from_utf8(heard).expect("text")
}

fn at_home() -> Post {
    let allowed = vec!["127.0.0.0/8".parse().expect("a range")];
    Post::new(Guard::allowing(allowed), Arc::new(System), roots())
}

#[tokio::test]
async fn a_redirect_is_no_success_and_is_not_followed() {
    // There is nobody at the other end: to follow it would be another fault.
    let answer = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/\r\ncontent-length: 0\r\n\r\n";
    let (address, heard) = receiver(answer).await;
    let attempt = at_home().send(&letter(&format!("http://{address}/hook?a=b"))).await;
    assert_eq!(attempt.outcome, Outcome::Answered(302));
    assert!(!attempt.outcome.has_arrived());
    assert!(heard.await.expect("it heard").starts_with("POST /hook?a=b HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_request_has_the_headers_that_were_recorded_and_the_owners_own() {
    let (address, heard) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let mut letter = letter(&format!("http://{address}"));
    letter.headers = [
        ("X-Secret", "hush-hush"),
        ("webhook-signature", "v1,forged"),
        ("Content-Length", "9999"),
        ("Transfer-Encoding", "chunked"),
        ("Host", "elsewhere.example"),
        ("bad name", "x"),
        ("X-Bad", "a\r\nb: c"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let attempt = at_home().send(&letter).await;
    assert_eq!((attempt.outcome, attempt.answer.as_str()), (Outcome::Answered(200), "ok"));
    let expected = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\nuser-agent: custodia/0.0.0\r\ncontent-type: application/json\r\n\
         webhook-id: 64d346b71e4c02453da81c5d97cec8063a6e7a4d\r\nwebhook-timestamp: 1717243200\r\n\
         webhook-signature: v1,c2lnbmF0dXJl\r\nx-secret: hush-hush\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    assert_eq!(heard.await.expect("it heard"), expected);
}

#[tokio::test]
async fn of_a_long_answer_a_kilobyte_is_kept_and_no_secret_in_it() {
    static LONG: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let answer = LONG.get_or_init(|| {
        format!(
            "HTTP/1.1 500 Oh\r\ncontent-length: 9000\r\n\r\nsent hush-hush\0{}",
            "x".repeat(8985)
        )
    });
    let (address, _heard) = receiver(answer).await;
    let mut letter = letter(&format!("http://{address}/"));
    letter.headers = vec![("x-secret".to_owned(), "hush-hush".to_owned())];
    let attempt = at_home().send(&letter).await;
    assert_eq!(attempt.outcome, Outcome::Answered(500));
    assert!(attempt.answer.starts_with("sent [header]\u{fffd}xxx"), "{}", attempt.answer);
    assert!(attempt.answer.len() < 1030);
}

#[tokio::test]
async fn an_answer_whose_body_never_comes_has_arrived_all_the_same() {
    let (address, _heard) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    let post = at_home().within(Duration::from_millis(300));
    let attempt = post.send(&letter(&format!("http://{address}/"))).await;
    assert_eq!((attempt.outcome, attempt.answer.as_str()), (Outcome::Answered(200), "half"));
    assert!(attempt.took < Duration::from_secs(2));
}

#[tokio::test]
async fn who_does_not_answer_in_time_and_who_answers_nonsense_has_failed() {
    let (address, _heard) = receiver("").await;
    let post = at_home().within(Duration::from_millis(200));
    let attempt = post.send(&letter(&format!("http://{address}/"))).await;
    assert_eq!(attempt.outcome, Outcome::Failed(Fault::Timeout));
    let (address, _heard) = receiver("what?\r\n\r\n").await;
    let attempt = post.send(&letter(&format!("http://{address}/"))).await;
    assert_eq!(attempt.outcome, Outcome::Failed(Fault::Broken));
}

/// A receiver each of whose connections is closed after so many answers, and the next letter unanswered where it says so.
/// How many letters each connection brought.
async fn closing_after(
    answers: usize,
    hears_one_more: bool,
) -> (SocketAddr, Arc<Mutex<Vec<usize>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let brought = Arc::new(Mutex::new(Vec::new()));
    let counts = Arc::clone(&brought);
    let listening = async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut count = 0;
            while count < answers {
                hear(&mut stream).await;
                count += 1;
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                stream.write_all(answer).await.expect("it listens");
            }
            if hears_one_more {
                hear(&mut stream).await;
                count += 1;
            }
            drop(stream);
            counts.lock().unwrap_or_else(PoisonError::into_inner).push(count);
        }
    };
    #[expect(clippy::disallowed_methods, reason = "a receiver runs beside the test")]
    tokio::spawn(listening);
    (address, brought)
}

async fn sent(post: &Post, address: SocketAddr, times: usize) {
    for _ in 0..times {
        let attempt = post.send(&letter(&format!("http://{address}/"))).await;
        assert_eq!((attempt.outcome, attempt.answer.as_str()), (Outcome::Answered(200), "ok"));
    }
}

#[tokio::test]
async fn a_connection_is_used_again_and_one_that_was_closed_meanwhile_is_no_failure() {
    let (address, brought) = closing_after(3, false).await;
    let post = at_home();
    for _ in 0..3 {
        sent(&post, address, 3).await;
        // So that it is closed for certain.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(*brought.lock().unwrap_or_else(PoisonError::into_inner), [3, 3, 3]);
}

#[tokio::test]
async fn a_letter_that_is_hung_up_on_goes_once_more_by_a_new_connection_and_no_further() {
    let (address, brought) = closing_after(1, true).await;
    let post = at_home();
    sent(&post, address, 3).await;
    // The second and the third were heard twice: once as the last of a connection, unanswered, and once by a new one.
    assert_eq!(*brought.lock().unwrap_or_else(PoisonError::into_inner), [2, 2]);
    // On a new connection it is a failure.
    let (address, brought) = closing_after(0, true).await;
    let attempt = post.send(&letter(&format!("http://{address}/"))).await;
    assert_eq!(attempt.outcome, Outcome::Failed(Fault::Broken));
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(*brought.lock().unwrap_or_else(PoisonError::into_inner), [1]);
}

#[tokio::test]
async fn a_connection_that_waited_for_long_is_closed() {
    let (address, brought) = closing_after(9, false).await;
    let post = at_home();
    sent(&post, address, 2).await;
    assert_eq!(post.kept.doors().values().map(Vec::len).sum::<usize>(), 1);
    post.tidy();
    assert_eq!(post.kept.doors().len(), 1);
    tokio::time::sleep(IDLE).await;
    post.tidy();
    assert_eq!(post.kept.doors().len(), 0);
    assert!(brought.lock().unwrap_or_else(PoisonError::into_inner).is_empty());
}

#[tokio::test]
async fn a_destination_shows_who_it_is() {
    let issued = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["shop.example".to_owned()]).expect("a name");
    let certificate = params.self_signed(&issued).expect("a certificate");
    let key = PrivateKeyDer::try_from(issued.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate and its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let listens = listener.local_addr().ok();
    let serving = async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            hear(&mut stream).await;
            let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
            stream.write_all(answer).await.expect("it listens");
            let _ = stream.shutdown().await;
        }
    };
    let sending = async {
        let names: BTreeMap<_, _> =
            ["shop.example", "other.example"].map(|name| (name, vec!["93.184.216.34"])).into();
        let fake: Arc<dyn Dial> = Arc::new(Fake { names, listens, ..Fake::default() });
        let mut trusted = RootCertStore::empty();
        trusted.add(certificate.der().clone()).expect("a root");
        let post = Post::new(Guard::default(), fake.clone(), trusted);
        let sent = post.send(&letter("https://shop.example/hook")).await;
        assert_eq!(sent.outcome, Outcome::Answered(204));
        let sent = post.send(&letter("https://other.example/hook")).await;
        assert_eq!(sent.outcome, Outcome::Failed(Fault::Certificate), "the name of another");
        let stranger = Post::new(Guard::default(), fake, roots());
        let sent = stranger.send(&letter("https://shop.example/hook")).await;
        assert_eq!(sent.outcome, Outcome::Failed(Fault::Certificate), "nobody vouches for it");
    };
    tokio::select! {
        () = serving => unreachable!(),
        () = sending => {}
    }
}
