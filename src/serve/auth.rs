//! Who may ask: one user with a password (RFC 7617).

use crate::digest::{Algorithm, Hasher};
use base64ct::{Base64, Encoding};
use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, Uri};

/// A user and a password, as a digest.
pub struct Access(Vec<u8>);

impl Access {
    /// Lets in who has this password.
    #[must_use]
    pub fn new(user: &str, password: &str) -> Self {
        Self(digest(format!("{user}:{password}").as_bytes()))
    }

    /// True where the request names this user and password. How long it takes does not tell how much was right.
    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, credentials)) = given.and_then(|given| given.trim().split_once(' ')) else {
            return false;
        };
        if !scheme.eq_ignore_ascii_case("basic") {
            return false;
        }
        let Ok(decoded) = Base64::decode_vec(credentials.trim()) else { return false };
        let found = digest(&decoded);
        found.iter().zip(&self.0).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }
}

fn digest(bytes: &[u8]) -> Vec<u8> {
    let mut hasher = Hasher::new(&[Algorithm::Sha256]);
    hasher.update(bytes);
    hasher.finish().into_iter().next().map(|value| value.bytes).unwrap_or_default()
}

/// True where a request to a server that only this machine reaches names it by an address or as `localhost`. A name
/// that somebody else owns may have been pointed here, so that a page of his reads what is served (DNS rebinding).
pub(super) fn names_this_machine(headers: &HeaderMap, uri: &Uri) -> bool {
    let host = headers.get(hyper::header::HOST).and_then(|host| host.to_str().ok());
    let Some(host) = uri.authority().map(|authority| authority.as_str()).or(host) else { return true };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn with(name: hyper::header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn only_the_right_password_is_let_in() {
        let access = Access::new("lab", "pass:wörd");
        let given = |text: &str| {
            let value = format!("Basic {}", Base64::encode_string(text.as_bytes()));
            access.admits(&with(AUTHORIZATION, &value))
        };
        assert!(given("lab:pass:wörd"));
        for bad in ["lab:pass:wörd ", "lab:", "Lab:pass:wörd", "", ":", "lab:pass:wördd"] {
            assert!(!given(bad), "{bad}");
        }
        assert!(!access.admits(&HeaderMap::new()));
        assert!(!access.admits(&with(AUTHORIZATION, "Bearer x")));
        assert!(!access.admits(&with(AUTHORIZATION, "Basic !!!")));
    }

    #[test]
    fn a_foreign_name_for_this_machine_is_noticed() {
        let named = |host: &str| names_this_machine(&with(hyper::header::HOST, host), &Uri::from_static("/"));
        for good in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:8080", "10.0.0.9", "a.localhost"] {
            assert!(named(good), "{good}");
        }
        for bad in
            ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", ""]
        {
            assert!(!named(bad), "{bad}");
        }
    }
}
