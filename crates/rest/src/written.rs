//! What is shown, written as JSON into one buffer.
//!
//! The same bytes as `serde_json` makes of it, which a test holds it to, but with less looking: names of members stand as
//! the program has them, and texts are looked through sixteen bytes at a time for what has to be escaped. A page of 250
//! customers spent a quarter of its instructions on looking byte by byte. In V2 slashes are escaped on the way.

use serde::{
    Serialize,
    ser::{
        Error as _, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
        SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
    },
};
use serde_json::{Error, Result};

/// How `/` is written within texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slashes {
    /// As it is.
    Plain,
    /// `\/`, as V2 has always done (observed.md 8.1).
    Escaped,
}

/// Write it, without a space. Fails with what a value's own `Serialize` fails with, and for a map whose keys are neither
/// texts nor numbers.
pub(crate) fn json(value: &(impl Serialize + ?Sized), slashes: Slashes) -> Result<Vec<u8>> {
    let mut pen = Pen { page: Vec::with_capacity(FIRST), slashes };
    value.serialize(&mut pen)?;
    Ok(pen.page)
}

/// Room for one customer, to begin with, in bytes.
const FIRST: usize = 1024;

struct Pen {
    page: Vec<u8>,
    slashes: Slashes,
}

impl Pen {
    fn put(&mut self, text: &str) {
        self.page.extend_from_slice(text.as_bytes());
    }

    /// A name of the program's, which needs no look.
    fn name(&mut self, name: &'static str) {
        debug_assert!(
            name.bytes().all(|byte| !self.is_escaped(byte)),
            "{name} is written as it is"
        );
        self.put("\"");
        self.put(name);
        self.put("\"");
    }

    fn text(&mut self, text: &str) {
        self.put("\"");
        let mut rest = text;
        while let Some(at) = self.first_escaped(rest.as_bytes()) {
            let (plain, from) = rest.split_at(at);
            self.put(plain);
            self.escape(from.as_bytes()[0]);
            rest = &from[1..];
        }
        self.put(rest);
        self.put("\"");
    }

    fn is_escaped(&self, byte: u8) -> bool {
        let is_slash = byte == b'/' && self.slashes == Slashes::Escaped;
        byte < b' ' || byte == b'"' || byte == b'\\' || is_slash
    }

    /// Where the first byte stands that is not written as it is. All of those are characters of their own.
    fn first_escaped(&self, text: &[u8]) -> Option<usize> {
        let (chunks, _) = text.as_chunks::<16>();
        // Without a branch within, so that the compiler looks at all sixteen at once.
        let is_plain =
            |chunk: &[u8; 16]| !chunk.iter().fold(false, |any, byte| any | self.is_escaped(*byte));
        let plain = 16 * chunks.iter().take_while(|chunk| is_plain(chunk)).count();
        let at = text[plain..].iter().position(|byte| self.is_escaped(*byte))?;
        Some(plain + at)
    }

    fn escape(&mut self, byte: u8) {
        let letter = match byte {
            b'"' | b'\\' | b'/' => byte,
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0c => b'f',
            b'\r' => b'r',
            _ => {
                self.put("\\u00");
                return self.put(&kernel::hex(&[byte]));
            }
        };
        self.page.extend_from_slice(&[b'\\', letter]);
    }

    fn number(&mut self, number: impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.page, &number)
    }

    /// Several things, which begin and end so.
    fn several(&mut self, begin: &str, end: &'static str) -> Several<'_> {
        self.put(begin);
        Several { pen: self, end, is_first: true }
    }

    /// Several things under the name of what they are a case of.
    fn case(&mut self, name: &'static str, begin: &str, end: &'static str) -> Several<'_> {
        self.put("{");
        self.name(name);
        self.put(":");
        self.several(begin, end)
    }
}

impl<'p> Serializer for &'p mut Pen {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Several<'p>;
    type SerializeTuple = Several<'p>;
    type SerializeTupleStruct = Several<'p>;
    type SerializeTupleVariant = Several<'p>;
    type SerializeMap = Several<'p>;
    type SerializeStruct = Several<'p>;
    type SerializeStructVariant = Several<'p>;

    fn serialize_bool(self, value: bool) -> Result<()> {
        self.put(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<()> {
        self.number(value)
    }

    fn serialize_i16(self, value: i16) -> Result<()> {
        self.number(value)
    }

    fn serialize_i32(self, value: i32) -> Result<()> {
        self.number(value)
    }

    fn serialize_i64(self, value: i64) -> Result<()> {
        self.number(value)
    }

    fn serialize_u8(self, value: u8) -> Result<()> {
        self.number(value)
    }

    fn serialize_u16(self, value: u16) -> Result<()> {
        self.number(value)
    }

    fn serialize_u32(self, value: u32) -> Result<()> {
        self.number(value)
    }

    fn serialize_u64(self, value: u64) -> Result<()> {
        self.number(value)
    }

    fn serialize_i128(self, value: i128) -> Result<()> {
        self.number(value)
    }

    fn serialize_u128(self, value: u128) -> Result<()> {
        self.number(value)
    }

    fn serialize_f32(self, value: f32) -> Result<()> {
        self.number(value)
    }

    fn serialize_f64(self, value: f64) -> Result<()> {
        self.number(value)
    }

    fn serialize_char(self, value: char) -> Result<()> {
        self.text(value.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<()> {
        self.text(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_none(self) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<()> {
        self.put("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, case: &'static str) -> Result<()> {
        self.name(case);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
        value: &T,
    ) -> Result<()> {
        let it = self.case(case, "", "}");
        value.serialize(&mut *it.pen)?;
        it.close();
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Several<'p>> {
        Ok(self.several("[", "]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Several<'p>> {
        Ok(self.several("[", "]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Several<'p>> {
        Ok(self.several("[", "]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
        _: usize,
    ) -> Result<Several<'p>> {
        Ok(self.case(case, "[", "]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Several<'p>> {
        Ok(self.several("{", "}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Several<'p>> {
        Ok(self.several("{", "}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
        _: usize,
    ) -> Result<Several<'p>> {
        Ok(self.case(case, "{", "}}"))
    }
}

/// Several things that are being written, with a comma between them.
struct Several<'p> {
    pen: &'p mut Pen,
    end: &'static str,
    is_first: bool,
}

impl Several<'_> {
    fn next(&mut self) -> &mut Pen {
        if !std::mem::take(&mut self.is_first) {
            self.pen.put(",");
        }
        self.pen
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        value.serialize(self.next())
    }

    fn member<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
        let pen = self.next();
        pen.name(name);
        pen.put(":");
        value.serialize(pen)
    }

    fn close(self) {
        self.pen.put(self.end);
    }
}

impl SerializeSeq for Several<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.item(value)
    }

    fn end(self) -> Result<()> {
        self.close();
        Ok(())
    }
}

impl SerializeTuple for Several<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.item(value)
    }

    fn end(self) -> Result<()> {
        self.close();
        Ok(())
    }
}

impl SerializeTupleStruct for Several<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.item(value)
    }

    fn end(self) -> Result<()> {
        self.close();
        Ok(())
    }
}

impl SerializeTupleVariant for Several<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.item(value)
    }

    fn end(self) -> Result<()> {
        self.close();
        Ok(())
    }
}

impl SerializeMap for Several<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        let pen = self.next();
        let from = pen.page.len();
        key.serialize(&mut *pen)?;
        match pen.page.get(from) {
            Some(b'"') => {}
            Some(b'-' | b'0'..=b'9') => {
                pen.page.insert(from, b'"');
                pen.put("\"");
            }
            _ => return Err(Error::custom("a key is neither a text nor a number")),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.pen.put(":");
        value.serialize(&mut *self.pen)
    }

    fn end(self) -> Result<()> {
        self.close();
        Ok(())
    }
}

impl SerializeStruct for Several<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<()> {
        self.member(name, value)
    }

    fn end(self) -> Result<()> {
        self.close();
        Ok(())
    }
}

impl SerializeStructVariant for Several<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<()> {
        self.member(name, value)
    }

    fn end(self) -> Result<()> {
        self.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kernel::{Chance as _, SeededChance};
    use serde_json::{Value, json};

    use super::*;

    #[derive(Serialize)]
    struct Shown {
        text: String,
        letter: char,
        numbers: (i8, i16, i32, i64, u8, u16, u32, u64),
        large: (i128, u128),
        reals: [f64; 5],
        small: f32,
        maybe: Option<bool>,
        nothing: (),
        wrapped: Wrapped,
        pair: Pair,
        cases: Vec<Case>,
        by_number: BTreeMap<i64, &'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        absent: Option<u8>,
        any: Value,
        empty: (Vec<u8>, BTreeMap<String, u8>),
    }

    #[derive(Serialize)]
    struct Wrapped(&'static str);

    #[derive(Serialize)]
    struct Pair(u8, Empty);

    #[derive(Serialize)]
    struct Empty {}

    #[derive(Serialize)]
    enum Case {
        One,
        Of(u8),
        Both(u8, Option<u8>),
        Named { name: &'static str, other: bool },
    }

    fn same(value: &impl Serialize) {
        let expected = serde_json::to_string(value).expect("JSON");
        let plain = json(value, Slashes::Plain).expect("JSON");
        assert_eq!(String::from_utf8(plain).expect("UTF-8"), expected);
        let escaped = json(value, Slashes::Escaped).expect("JSON");
        assert_eq!(String::from_utf8(escaped).expect("UTF-8"), expected.replace('/', "\\/"));
    }

    #[test]
    fn every_shape_is_written_as_serde_json_writes_it() {
        same(&Shown {
            text: "a \"quoted\" \\ / line\nand more than sixteen bytes: \u{7f}é€😀".to_owned(),
            letter: '"',
            numbers: (i8::MIN, i16::MIN, i32::MIN, i64::MIN, u8::MAX, u16::MAX, u32::MAX, u64::MAX),
            large: (i128::MIN, u128::MAX),
            reals: [0.0, -1.5, 43.15, 1e300, f64::NAN],
            small: 0.1,
            maybe: Some(true),
            nothing: (),
            wrapped: Wrapped("in/side"),
            pair: Pair(1, Empty {}),
            cases: vec![
                Case::One,
                Case::Of(2),
                Case::Both(3, None),
                Case::Named { name: "x", other: false },
            ],
            by_number: [(-1, "minus"), (10, "ten")].into(),
            absent: None,
            any: json!({"a": [1, {"b/c": null}], "\u{1}": 0.25}),
            empty: (Vec::new(), BTreeMap::new()),
        });
    }

    #[test]
    fn a_key_that_is_no_text_and_no_number_is_refused() {
        let odd: BTreeMap<Vec<u8>, u8> = [(vec![1], 1)].into();
        assert!(json(&odd, Slashes::Plain).is_err());
    }

    #[test]
    fn every_text_is_written_as_serde_json_writes_it() {
        let chance = SeededChance::new(7);
        for length in (0..70).cycle().take(5_000) {
            let mut draw = [0; 70];
            chance.fill(&mut draw);
            // Mostly what stands as it is, so that there are long stretches of it.
            let letter = |byte: &u8| ODD.get(usize::from(*byte)).copied().unwrap_or('a');
            let text: String = draw[..length].iter().map(letter).collect();
            same(&BTreeMap::from([(text.clone(), text)]));
        }
    }

    const ODD: [char; 16] = [
        '"', '\\', '/', '\0', '\u{1}', '\u{8}', '\t', '\n', '\u{b}', '\u{c}', '\r', '\u{1f}', ' ',
        '\u{7f}', 'é', '😀',
    ];
}
