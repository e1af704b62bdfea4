//! A certificate authority for this machine alone, and certificates of its making.
//!
//! Half of the existing client libraries have `api.bigcommerce.com` built in and speak only https. The
//! authority may vouch for `bigcommerce.com`, `localhost` and loopback addresses and for nothing else: who
//! trusts it risks no other site.

use std::{
    fs, io,
    io::Write as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use kernel::{Clock, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, SanType, date_time_ymd,
};

use crate::Outcome;

/// Files of a certificate, its key, and the authority to trust.
pub(crate) struct Certificate {
    pub(crate) authority: PathBuf,
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    /// Whether the authority was made just now, and nobody can trust it yet.
    pub(crate) is_new: bool,
}

/// A certificate for `api.bigcommerce.com` and this machine, of the authority kept in `directory`; the
/// authority is made when there is none. The certificate is made anew each time, for 397 days.
pub(crate) fn issue(directory: &Path, clock: &dyn Clock) -> Outcome<Certificate> {
    fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let (authority, authority_key) = (directory.join("ca.pem"), directory.join("ca.key"));
    let is_new = !authority.exists() || !authority_key.exists();
    let now = clock.now();
    if is_new {
        let key = KeyPair::generate()?;
        let certificate = authority_params(now).self_signed(&key)?;
        write(&authority_key, &key.serialize_pem(), 0o600)?;
        write(&authority, &certificate.pem(), 0o644)?;
    }
    let issuer_key = KeyPair::from_pem(&fs::read_to_string(&authority_key)?)?;
    let issuer = Issuer::new(authority_params(now), issuer_key);
    let key = KeyPair::generate()?;
    let leaf = leaf_params(now)?.signed_by(&key, &issuer)?;
    let chain = directory.join("api.bigcommerce.com.pem");
    let key_path = directory.join("api.bigcommerce.com.key");
    write(&key_path, &key.serialize_pem(), 0o600)?;
    write(&chain, &leaf.pem(), 0o644)?;
    Ok(Certificate { authority, chain, key: key_path, is_new })
}

fn authority_params(now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("Custodia local development authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("bigcommerce.com".to_owned()),
            GeneralSubtree::DnsName("localhost".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::V4([127, 0, 0, 0], [255, 0, 0, 0])),
            GeneralSubtree::IpAddress(CidrSubnet::V6(Ipv6Addr::LOCALHOST.octets(), [255; 16])),
        ],
        excluded_subtrees: Vec::new(),
    });
    valid(&mut params, now, 3_650);
    params
}

fn leaf_params(now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params =
        CertificateParams::new(vec!["api.bigcommerce.com".to_owned(), "localhost".to_owned()])?;
    params.distinguished_name = named("api.bigcommerce.com (Custodia)");
    params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    params.subject_alt_names.push(SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    valid(&mut params, now, 397);
    Ok(params)
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// From yesterday, for clocks that are behind, for so many days.
fn valid(params: &mut CertificateParams, now: Timestamp, days: i64) {
    const DAY: i64 = 86_400;
    let [(year, month, day), (last_year, last_month, last_day)] =
        [-1, days].map(|days| date(now.plus_seconds(days * DAY)));
    params.not_before = date_time_ymd(year, month, day);
    params.not_after = date_time_ymd(last_year, last_month, last_day);
}

/// Year, month and day, as the certificate's library wants them.
fn date(at: Timestamp) -> (i32, u8, u8) {
    let date = at.to_rfc3339();
    let mut numbers = date[..10].split('-').map(|number| number.parse::<u16>().unwrap_or(1));
    let year = numbers.next().unwrap_or(1970);
    let mut small = numbers.map(|number| u8::try_from(number).unwrap_or(1));
    (i32::from(year), small.next().unwrap_or(1), small.next().unwrap_or(1))
}

fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    // Removed first: an older file keeps the mode it was made with.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())
}
