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
                return System::default().resolve(host, port).await;
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

/// Addresses that are refused, each kind in a test of its own: where the destination has one, and where a name leads to it.
macro_rules! no_destination {
    ($($name:ident: $($address:literal)+;)+) => {$(
        #[tokio::test]
        async fn $name() {
            for address in [$($address),+] {
                let is_v6 = address.parse::<IpAddr>().expect("an address").is_ipv6();
                let host = if is_v6 { format!("[{address}]") } else { address.to_owned() };
                refused(&format!("https://{host}/hook"), &[]).await;
                refused("https://shop.example/hook", &[("shop.example", &[address])]).await;
            }
        }
    )+};
}

no_destination! {
    loopback_is_refused: "127.0.0.1" "127.0.0.2" "127.255.255.255";
    private_10_8_is_refused: "10.0.0.0" "10.1.2.3" "10.255.255.255";
    private_172_16_12_is_refused: "172.16.0.1" "172.20.1.1" "172.31.255.255";
    private_192_168_16_is_refused: "192.168.0.1" "192.168.255.255";
    shared_by_a_carrier_100_64_10_is_refused: "100.64.0.1" "100.100.100.200" "100.127.255.255";
    link_local_is_refused: "169.254.0.1" "169.254.255.255";
    what_tells_a_machine_its_secrets_is_refused: "169.254.169.254" "169.254.170.2" "168.63.129.16" "192.0.0.192" "fd00:ec2::254" "fd20:ce::254";
    this_network_is_refused: "0.0.0.0" "0.1.2.3" "0.255.255.255";
    multicast_is_refused: "224.0.0.1" "232.1.1.1" "239.255.255.255" "ff02::1" "ff0e::1";
    broadcast_is_refused: "255.255.255.255";
    what_is_reserved_is_refused: "240.0.0.1" "254.255.255.255" "4000::1" "5f00::1" "8000::1";
    documentation_is_refused: "192.0.2.1" "198.51.100.7" "203.0.113.9" "2001:db8::1" "3fff::1" "3fff:fff::1";
    benchmarks_are_refused: "198.18.0.1" "198.19.255.255" "2001:2::1";
    what_protocols_use_is_refused: "192.0.0.1" "192.0.0.9" "192.88.99.1" "2001:10::1" "2001:1ff:ffff::1" "100::1";
    ipv6_loopback_is_refused: "::1";
    ipv6_unspecified_is_refused: "::";
    ipv6_unique_local_is_refused: "fc00::1" "fd00::1" "fdff:ffff::1";
    ipv6_link_local_is_refused: "fe80::1" "febf::1";
    ipv6_site_local_is_refused: "fec0::1" "feff::1";
    a_mapped_ipv4_address_is_refused: "::ffff:127.0.0.1" "::ffff:7f00:1" "::ffff:a9fe:a9fe" "::ffff:10.0.0.1" "::ffff:0.0.0.0";
    a_compatible_ipv4_address_is_refused: "::127.0.0.1" "::10.0.0.1" "::a9fe:a9fe" "::93.184.216.34";
    a_translated_ipv4_address_is_refused: "::ffff:0:127.0.0.1" "::ffff:0:10.0.0.1";
    an_address_behind_nat64_is_refused: "64:ff9b::7f00:1" "64:ff9b::a9fe:a9fe" "64:ff9b::10.0.0.1" "64:ff9b::192.168.1.1";
    an_address_behind_a_nat64_of_ones_own_is_refused: "64:ff9b:1::10.0.0.1" "64:ff9b:1::93.184.216.34" "64:ff9b:1:ffff::1";
    an_address_in_6to4_is_refused: "2002:7f00:1::1" "2002:a00:1::1" "2002:a9fe:a9fe::1" "2002:5db8:d822::1";
    an_address_in_teredo_is_refused: "2001:0:7f00:1::1" "2001:0:a00:1::1" "2001::5ef5:79fd:380c:1ed5:f5ff:fffe";
}

#[tokio::test]
async fn a_public_address_is_connected_to() {
    for (destination, address) in [
        ("https://93.184.216.34/hook", "93.184.216.34:443"),
        ("https://[2606:4700::1111]/hook", "[2606:4700::1111]:443"),
        ("https://[::ffff:93.184.216.34]/hook", "[::ffff:93.184.216.34]:443"),
        ("https://1572395042/", "93.184.216.34:443"),
    ] {
        let (outcome, connected) = tried(destination, &[]).await;
        assert_eq!((outcome, connected.as_str()), (Outcome::Failed(Fault::Connection), address));
    }
}

#[tokio::test]
async fn an_address_written_as_one_number_is_refused() {
    for host in ["2130706433", "2852039166", "167772161", "0", "3232235777"] {
        refused(&format!("https://{host}/hook"), &[]).await;
    }
}

#[tokio::test]
async fn an_address_written_in_octal_is_refused() {
    for host in ["0177.0.0.1", "017700000001", "0251.0376.0251.0376", "012.1", "0300.0250.1.1"] {
        refused(&format!("https://{host}/hook"), &[]).await;
    }
}

#[tokio::test]
async fn an_address_written_in_hexadecimal_is_refused() {
    for host in ["0x7f.1", "0x7f000001", "0x7f.0x0.0x0.0x1", "0XA9.0xFE.0xa9.0xfe", "0xa.0.0.1"] {
        refused(&format!("https://{host}/hook"), &[]).await;
    }
}

#[tokio::test]
async fn an_address_with_parts_left_out_is_refused() {
    for host in ["127.1", "127.0.1", "10.1", "192.168.257", "169.254.43518"] {
        refused(&format!("https://{host}/hook"), &[]).await;
    }
}

#[tokio::test]
async fn the_name_of_this_machine_is_refused() {
    refused("https://localhost/hook", &[]).await;
    refused("https://LOCALHOST/hook", &[]).await;
}

#[tokio::test]
async fn a_dot_at_the_end_changes_nothing() {
    refused("https://localhost./hook", &[("localhost.", &["127.0.0.1"])]).await;
    refused("https://shop.example./hook", &[("shop.example.", &["10.0.0.1"])]).await;
    // An address with a dot is no address to whoever looks it up, or it is the address.
    for host in ["127.0.0.1.", "169.254.169.254.", "2130706433."] {
        let (outcome, connected) = tried(&format!("https://{host}/hook"), &[]).await;
        let faults = [Fault::Name, Fault::Forbidden].map(Outcome::Failed);
        assert!(faults.contains(&outcome), "{host}: {outcome:?}");
        assert_eq!(connected, "", "{host}");
    }
}

#[tokio::test]
async fn a_name_with_one_private_address_among_public_ones_is_refused() {
    for answer in ["93.184.216.34 10.0.0.1", "10.0.0.1 93.184.216.34", "93.184.216.34 1.1.1.1 ::1"]
    {
        refused("https://shop.example/hook", &[("shop.example", &[answer])]).await;
    }
}

#[tokio::test]
async fn a_name_that_turns_private_is_refused_from_then_on() {
    let names = BTreeMap::from([("shop.example", vec!["93.184.216.34", "127.0.0.1"])]);
    let fake = Arc::new(Fake { names, ..Fake::default() });
    let post = Post::new(Guard::default(), fake.clone(), roots());
    for fault in [Fault::Connection, Fault::Forbidden] {
        let outcome = post.send(&letter("https://shop.example/hook")).await.outcome;
        assert_eq!(outcome, Outcome::Failed(fault));
    }
    let connected = fake.connected.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(connected.len(), 1);
}

#[tokio::test]
async fn a_name_that_changes_between_the_check_and_the_connection_leads_to_what_was_checked() {
    let names: [(&str, &[&str]); 1] = [("shop.example", &["93.184.216.34", "127.0.0.1"])];
    let (outcome, connected) = tried("https://shop.example/hook", &names).await;
    assert_eq!(outcome, Outcome::Failed(Fault::Connection));
    assert_eq!(connected, "93.184.216.34:443", "looked up once, and connected to that");
}

#[tokio::test]
async fn a_public_address_is_not_reached_by_http() {
    let names: [(&str, &[&str]); 1] = [("shop.example", &["93.184.216.34"])];
    refused("http://shop.example/hook", &names).await;
    refused("http://shop.example:443/hook", &names).await;
    refused("http://93.184.216.34/hook", &[]).await;
}

#[tokio::test]
async fn a_public_address_is_not_reached_on_another_port() {
    let names: [(&str, &[&str]); 1] = [("shop.example", &["93.184.216.34"])];
    for port in [1, 22, 80, 6379, 8443, 65_535] {
        refused(&format!("https://shop.example:{port}/hook"), &names).await;
        refused(&format!("https://[2606:4700::1111]:{port}/hook"), &[]).await;
    }
}

#[tokio::test]
async fn a_destination_with_a_name_or_a_password_is_not_sent_to() {
    for destination in [
        "https://user:secret@shop.example/",
        "https://shop.example@10.0.0.1/",
        "https://shop.example:443@127.0.0.1/",
        "https://@127.0.0.1/",
        "https://127.0.0.1@shop.example/",
    ] {
        let (outcome, connected) = tried(destination, &[]).await;
        assert_eq!(outcome, Outcome::Failed(Fault::Address), "{destination}");
        assert_eq!(connected, "");
    }
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
        "https://a b/",
        "gopher://127.0.0.1/",
        "https://shop.example\\@10.0.0.1/",
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
async fn receiver(answer: impl Into<String>) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let answer = answer.into();
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
    Post::new(Guard::allowing(allowed), Arc::new(System::default()), roots())
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
async fn a_redirect_to_another_address_is_not_followed() {
    // Somebody listens there, who would answer.
    let private = TcpListener::bind(("127.0.0.2", 0)).await.expect("a free port");
    let there = private.local_addr().expect("an address");
    for status in [301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} So\r\nlocation: http://{there}/latest\r\nrefresh: 0; url=http://{there}/\r\ncontent-length: 0\r\n\r\n"
        );
        let (address, _heard) = receiver(answer).await;
        let attempt = at_home().send(&letter(&format!("http://{address}/hook"))).await;
        assert_eq!(attempt.outcome, Outcome::Answered(status));
        assert!(!attempt.outcome.has_arrived());
    }
    let reached = tokio::time::timeout(Duration::from_millis(100), private.accept()).await;
    assert!(reached.is_err(), "nobody came");
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
    let answer = format!(
        "HTTP/1.1 500 Oh\r\ncontent-length: 9000\r\n\r\nsent hush-hush\0{}",
        "x".repeat(8985)
    );
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
