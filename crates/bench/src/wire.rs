//! As much of HTTP/1.1 as it takes to read one answer, and no more: this code shares two cores with
//! the server it measures.

use memchr::memchr;

/// One whole answer.
#[derive(Debug)]
pub(crate) struct Answer<'b> {
    pub(crate) status: u16,
    /// The status line and the headers.
    pub(crate) head: &'b [u8],
    pub(crate) body: Body<'b>,
}

/// The body, as it stands in the buffer or put together from its chunks.
#[derive(Debug)]
pub(crate) enum Body<'b> {
    Plain(&'b [u8]),
    Joined(Vec<u8>),
}

impl Body<'_> {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Joined(bytes) => bytes,
        }
    }
}

/// How the headers say that the body ends.
enum Length {
    None,
    Known(usize),
    Chunked,
}

/// Read the answer that `bytes` begin with: `None` while it is not all there. What follows it is an
/// error, for nobody has asked for more.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<Answer<'_>>, String> {
    let Some((start, length)) = head(bytes)? else { return Ok(None) };
    let status = bytes
        .get(9..12)
        .and_then(|digits| str::from_utf8(digits).ok())
        .and_then(|text| text.parse().ok());
    let status = status.ok_or_else(|| format!("no status line: {}", shown(bytes)))?;
    let (head, rest) = bytes.split_at(start);
    let body = match length {
        Length::None if status == 204 || status == 304 => Body::Plain(&[]),
        Length::None => return Err(format!("an answer without a length: {}", shown(bytes))),
        Length::Known(length) if rest.len() < length => return Ok(None),
        Length::Known(length) if rest.len() == length => Body::Plain(rest),
        Length::Known(_) => return Err(format!("more than one answer: {}", shown(bytes))),
        Length::Chunked => match chunks(rest)? {
            Some(joined) => Body::Joined(joined),
            None => return Ok(None),
        },
    };
    Ok(Some(Answer { status, head, body }))
}

/// Where the body begins, and how it ends.
fn head(bytes: &[u8]) -> Result<Option<(usize, Length)>, String> {
    let mut length = Length::None;
    let mut at = 0;
    while let Some(end) = memchr(b'\n', &bytes[at..]) {
        let line = bytes[at..at + end].trim_ascii_end();
        at += end + 1;
        if line.is_empty() {
            return Ok(Some((at, length)));
        }
        if let Some(value) = value_of(line, b"content-length:") {
            let parsed = str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            length = Length::Known(parsed.ok_or_else(|| format!("not a length: {}", shown(line)))?);
        } else if value_of(line, b"transfer-encoding:")
            .is_some_and(|value| value.eq_ignore_ascii_case(b"chunked"))
        {
            length = Length::Chunked;
        }
    }
    Ok(None)
}

/// The value, when the line is this header. `name` is lower case and ends in a colon.
pub(crate) fn value_of<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let (start, value) = line.split_at_checked(name.len())?;
    (start[0] | 0x20 == name[0] && start.eq_ignore_ascii_case(name)).then(|| value.trim_ascii())
}

fn chunks(mut rest: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut joined = Vec::new();
    loop {
        let Some(end) = memchr(b'\n', rest) else { return Ok(None) };
        let size = str::from_utf8(rest[..end].trim_ascii())
            .ok()
            .and_then(|text| usize::from_str_radix(text, 16).ok());
        let size = size.ok_or_else(|| format!("not a chunk: {}", shown(rest)))?;
        rest = &rest[end + 1..];
        let Some((chunk, after)) = rest.split_at_checked(size + 2) else { return Ok(None) };
        if size == 0 {
            return if after.is_empty() {
                Ok(Some(joined))
            } else {
                Err("more than one answer".to_owned())
            };
        }
        joined.extend_from_slice(&chunk[..size]);
        rest = after;
    }
}

/// Bytes for an error message.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes).chars().take(1_500).collect();
    format!("{text:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_once_it_is_whole() {
        let whole = b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 2\r\n\r\nok";
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).unwrap().is_none(), "{end}");
        }
        let answer = read(whole).unwrap().unwrap();
        assert_eq!((answer.status, answer.body.bytes()), (200, &b"ok"[..]));
        assert!(read(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nx").is_err());
    }

    #[test]
    fn chunks_are_joined() {
        let whole =
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n";
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).unwrap().is_none(), "{end}");
        }
        assert_eq!(read(whole).unwrap().unwrap().body.bytes(), b"ok!");
    }
}
