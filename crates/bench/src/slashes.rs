//! JSON as V2 writes it: with `/` as `\/`.

use serde::Serialize;

pub(crate) fn written(body: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_vec(body).unwrap_or_default();
    let mut text = Vec::with_capacity(json.len() + 32);
    let mut written = 0;
    for slash in memchr::memchr_iter(b'/', &json) {
        text.extend_from_slice(&json[written..slash]);
        text.push(b'\\');
        written = slash;
    }
    text.extend_from_slice(&json[written..]);
    text
}
