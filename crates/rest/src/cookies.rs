//! Cookies, as a storefront gives and reads them.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::App;

/// A cookie that a storefront gives its visitors.
#[derive(Clone, Copy, Debug)]
pub struct Cookie(&'static str);

/// The key of the session of a shopper who is signed in.
pub const SHOPPER: Cookie = Cookie("custodia_shopper");

/// What a guest allows and refuses.
pub const CONSENT: Cookie = Cookie("custodia_consent");

impl Cookie {
    /// What a browser sends back of it; the first, where there are several.
    #[must_use]
    pub fn read<'h>(self, app: &App, headers: &'h HeaderMap) -> Option<&'h str> {
        read(headers, &self.name(app))
    }

    /// Have it kept for so many seconds: by this host alone, out of reach of scripts, sent with nothing that another
    /// site begins but a visit, and over TLS alone where the service is reached so. There its name says that it is
    /// kept like this, and browsers see to it: neither plain HTTP nor another host of the domain can put one in its
    /// place.
    ///
    /// # Panics
    ///
    /// For a value of other than letters, digits, `-`, `_` and `.`.
    #[must_use]
    pub fn write(self, app: &App, value: &str, seconds: i64) -> HeaderValue {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        assert!(value.bytes().all(plain), "a cookie's value needs no quotes");
        let name = self.name(app);
        let secure = if app.settings.is_secure() { "; Secure" } else { "" };
        let cookie =
            format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly{secure}; SameSite=Lax");
        HeaderValue::from_str(&cookie).expect("letters make a header")
    }

    /// Have it forgotten.
    #[must_use]
    pub fn clear(self, app: &App) -> HeaderValue {
        self.write(app, "", 0)
    }

    fn name(self, app: &App) -> String {
        let prefix = if app.settings.is_secure() { "__Host-" } else { "" };
        format!("{prefix}{}", self.0)
    }
}

fn read<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let sent = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = sent.flat_map(|sent| sent.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(known, _)| known.trim() == name).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sent: &[&str], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        for cookie in sent {
            headers.append(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        assert_eq!(read(&headers, "shopper"), expected, "{sent:?}");
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        check(&["shopper=abc"], Some("abc"));
        check(&["a=b; shopper=abc;c"], Some("abc"));
        check(&["a=b", "x=y; shopper=abc"], Some("abc"));
        check(&["shopper=1; shopper=2"], Some("1"));
        check(&["shopper="], Some(""));
        check(&["my-shopper=abc; Shopper=abc; shopper"], None);
        check(&[], None);
    }
}
