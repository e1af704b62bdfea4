//! Cookies, as a storefront gives and reads them.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::App;

/// A cookie that a storefront gives its visitors.
#[derive(Clone, Copy, Debug)]
pub struct Cookie {
    name: &'static str,
    /// Whether no script of the page may read it.
    is_secret: bool,
}

/// The key of the session of a shopper who is signed in.
pub const SHOPPER: Cookie = Cookie { name: "custodia_shopper", is_secret: true };

/// What a guest allows and refuses. A page has to know it, and whoever changes it has it taken for none.
pub const CONSENT: Cookie = Cookie { name: "custodia_consent", is_secret: false };

/// Give a browser the key of the session that begins, for so many seconds, and take away the choice of the guest that
/// its user was, where it has sent one: that is the customer's now, or nobody's.
pub fn sign_in(
    app: &App,
    headers: &mut HeaderMap,
    key: &str,
    seconds: i64,
    has_sent_a_choice: bool,
) {
    headers.append(header::SET_COOKIE, SHOPPER.write(app, key, seconds));
    if has_sent_a_choice {
        headers.append(header::SET_COOKIE, CONSENT.clear(app));
    }
}

impl Cookie {
    /// What a browser sends back of it; the first, where there are several.
    #[must_use]
    pub fn read<'h>(self, app: &App, headers: &'h HeaderMap) -> Option<&'h str> {
        read(headers, &self.name(app))
    }

    /// Have it kept for so many seconds: by this host alone, out of reach of scripts where it is secret, sent with nothing that another
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
        let secret = if self.is_secret { "; HttpOnly" } else { "" };
        let cookie =
            format!("{name}={value}; Path=/; Max-Age={seconds}{secret}{secure}; SameSite=Lax");
        HeaderValue::from_str(&cookie).expect("letters make a header")
    }

    /// Have it forgotten.
    #[must_use]
    pub fn clear(self, app: &App) -> HeaderValue {
        self.write(app, "", 0)
    }

    fn name(self, app: &App) -> String {
        let prefix = if app.settings.is_secure() { "__Host-" } else { "" };
        format!("{prefix}{}", self.name)
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
