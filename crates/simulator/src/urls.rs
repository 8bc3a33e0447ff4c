//! Which URLs Vipps takes (knowledge base, "URL validation"; eCom OpenAPI 2.0.3, `MerchantInfo`).

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// The ports that Vipps calls.
const PORTS: [u16; 3] = [80, 443, 8080];

/// The longest URL, in characters (eCom OpenAPI 2.0.3, `maxLength`).
const MAX_LENGTH: usize = 255;

/// A URL that Vipps calls (callback, shipping, consent removal): HTTPS, a public host, a usual port.
pub(crate) fn callable(text: &str) -> Result<Url, String> {
    callable_within(text, MAX_LENGTH)
}

/// The same, with a length of its own.
pub(crate) fn callable_within(text: &str, most: usize) -> Result<Url, String> {
    let url = parse(text, most)?;
    if url.scheme() != "https" {
        return Err("must use HTTPS".to_owned());
    }
    public(&url)?;
    Ok(url)
}

/// The URL that the customer is sent back to: HTTPS, or an app's own scheme.
pub(crate) fn fall_back(text: &str, is_app: bool) -> Result<(), String> {
    // With `isApp` the URL isn't validated as a regular one; "INTENT" is allowed on Android.
    if is_app {
        return if text.is_empty() || text.chars().count() > MAX_LENGTH {
            Err(format!("must have 1 to {MAX_LENGTH} characters"))
        } else {
            Ok(())
        };
    }
    shown_within(text, MAX_LENGTH)
}

/// A URL that the customer opens: HTTPS, or an app's own scheme.
pub(crate) fn shown_within(text: &str, most: usize) -> Result<(), String> {
    let url = parse(text, most)?;
    match url.scheme() {
        "https" => public(&url),
        "http" => Err("must use HTTPS".to_owned()),
        "javascript" | "data" | "file" | "about" | "blob" => Err("must use HTTPS".to_owned()),
        _ if text.contains("://") => Ok(()),
        _ => Err("is not a valid URL".to_owned()),
    }
}

fn parse(text: &str, most: usize) -> Result<Url, String> {
    if text.chars().count() > most {
        return Err(format!("is longer than {most} characters"));
    }
    if text
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || c == '\\')
    {
        return Err("is not a valid URL".to_owned());
    }
    Url::parse(text).map_err(|_| "is not a valid URL".to_owned())
}

fn public(url: &Url) -> Result<(), String> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password".to_owned());
    }
    let port = url.port_or_known_default().unwrap_or(443);
    if !PORTS.contains(&port) {
        return Err(format!("uses port {port}; Vipps calls 80, 443 and 8080"));
    }
    let reachable = match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name.contains('.') && !name.ends_with(".localhost") && !name.ends_with(".local")
        }
        Some(Host::Ipv4(ip)) => public_v4(ip),
        Some(Host::Ipv6(ip)) => public_v6(ip),
        None => false,
    };
    if reachable {
        Ok(())
    } else {
        Err("must have a host that is reachable on the internet".to_owned())
    }
}

fn public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_unspecified()
        || ip.is_broadcast()
        || ip.is_multicast()
        || a == 0
        || shared)
}

fn public_v6(ip: Ipv6Addr) -> bool {
    if let Some(v4) = ip.to_ipv4() {
        return public_v4(v4) && !ip.is_loopback() && !ip.is_unspecified();
    }
    let first = ip.segments().first().copied().unwrap_or_default();
    let unique_local = first & 0xfe00 == 0xfc00;
    let link_local = first & 0xffc0 == 0xfe80;
    !(unique_local || link_local || ip.is_multicast())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_vipps_calls() {
        for good in [
            "https://shop.example/vipps",
            "https://shop.example",
            "https://shop.example:443/a?b=c",
            "https://shop.example:8080/a",
            "https://a.b.shop.example/x",
            "https://8.8.8.8/x",
        ] {
            assert!(callable(good).is_ok(), "{good}: {:?}", callable(good));
        }
        for bad in [
            "",
            "shop.example/vipps",
            "http://shop.example/vipps",
            "https://localhost/x",
            "https://shop/x",
            "https://127.0.0.1/x",
            "https://10.0.0.1/x",
            "https://192.168.1.1/x",
            "https://169.254.169.254/x",
            "https://[::1]/x",
            "https://[fe80::1]/x",
            "https://[::ffff:10.0.0.1]/x",
            "https://0x7f000001/x",
            "https://shop.localhost/x",
            "https://shop.example:9000/x",
            "https://u:p@shop.example/x",
            "https://shop.example/a b",
            "ftp://shop.example/x",
            "https:shop.example\\x",
            "https://100.64.0.1/x",
        ] {
            assert!(callable(bad).is_err(), "{bad}");
        }
        let long = format!("https://shop.example/{}", "x".repeat(255));
        assert!(callable(&long).is_err());
    }

    #[test]
    fn urls_that_the_customer_goes_back_to() {
        for good in ["https://shop.example/thanks?o=1", "myapp://done"] {
            assert!(fall_back(good, false).is_ok(), "{good}");
        }
        for bad in [
            "http://shop.example/x",
            "http://localhost/x",
            "javascript:alert(1)",
            "INTENT",
            "mailto:a",
        ] {
            assert!(fall_back(bad, false).is_err(), "{bad}");
        }
        assert!(fall_back("INTENT", true).is_ok());
        assert!(fall_back("", true).is_err());
    }
}
