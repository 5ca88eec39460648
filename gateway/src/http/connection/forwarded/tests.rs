use axum::http::{HeaderName, HeaderValue};

use super::*;

const PUBLIC: &str = "https://set.test/base";
const PROXY: &str = "10.0.0.1";

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn trusted() -> Vec<Network> {
    ["10.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().unwrap()).to_vec()
}

fn seen(peer: &str, lines: &[(&str, &str)]) -> String {
    origin(&headers(lines), peer.parse().unwrap(), &trusted(), PUBLIC)
}

#[test]
fn headers_from_untrusted_peers_are_ignored() {
    for lines in [
        &[("forwarded", "for=10.0.0.9;proto=https;host=evil.test")][..],
        &[("x-forwarded-proto", "https"), ("x-forwarded-host", "evil.test")],
    ] {
        for peer in ["192.0.2.7", "11.0.0.1", "2001:db9::1", "::1"] {
            assert_eq!(seen(peer, lines), PUBLIC, "{peer}");
        }
        assert_eq!(origin(&headers(lines), PROXY.parse().unwrap(), &[], PUBLIC), PUBLIC, "no network is trusted");
    }
    assert_eq!(seen(PROXY, &[]), PUBLIC, "a proxy without headers");
    assert_eq!(seen(PROXY, &[("host", "inside:8080")]), PUBLIC);
}

#[test]
fn the_address_comes_from_a_trusted_proxy() {
    for (lines, expected) in [
        (&[("forwarded", "for=192.0.2.7;proto=https;host=scim.test")][..], "https://scim.test/base"),
        (
            &[("Forwarded", "For=\"[2001:db8:cafe::17]:4711\"; Proto=HTTPS; Host=\"scim.test:8443\"")],
            "https://scim.test:8443/base",
        ),
        (&[("forwarded", "host=\"[2001:DB8::1]:8080\";proto=http")], "http://[2001:db8::1]:8080/base"),
        (&[("forwarded", "proto=https;host=scim.test:443")], "https://scim.test/base"),
        (&[("forwarded", "proto=http;host=scim.test:443")], "http://scim.test:443/base"),
        (&[("forwarded", "proto=http"), ("host", "scim.test")], "http://scim.test/base"),
        (&[("forwarded", "host=scim.test")], "https://scim.test/base"),
        (&[("x-forwarded-proto", "http"), ("host", "scim.test:80")], "http://scim.test/base"),
        (
            &[("x-forwarded-proto", "https"), ("x-forwarded-host", "SCIM.test"), ("x-forwarded-port", "8443")],
            "https://scim.test:8443/base",
        ),
        (&[("x-forwarded-host", "scim.test:9000"), ("x-forwarded-port", "8443")], "https://scim.test:9000/base"),
        (&[("x-forwarded-host", "scim.test"), ("x-forwarded-prefix", "/a/b/")], "https://scim.test/a/b"),
        (&[("x-forwarded-host", "scim.test"), ("x-forwarded-prefix", "/")], "https://scim.test"),
        (
            &[("x-forwarded-host", "[::1]"), ("x-forwarded-port", "81"), ("x-forwarded-proto", "http")],
            "http://[::1]:81/base",
        ),
    ] {
        assert_eq!(seen(PROXY, lines), expected, "{lines:?}");
        assert_eq!(seen("2001:db8::7", lines), expected, "{lines:?}");
        assert_eq!(seen("::ffff:10.0.0.1", lines), expected, "an IPv4-mapped IPv6 address: {lines:?}");
    }
}

#[test]
fn list_entries_before_the_last_trusted_hop_are_ignored() {
    for (lines, expected) in [
        // The client wrote the first element, our proxy the second.
        (&[("forwarded", "for=10.0.0.9;host=evil.test, for=192.0.2.7;host=scim.test")][..], "https://scim.test/base"),
        (&[("forwarded", "host=evil.test"), ("forwarded", "for=192.0.2.7;host=scim.test")], "https://scim.test/base"),
        // Two proxies of ours: the outer one has the name that the client used.
        (
            &[("forwarded", "host=evil.test, for=192.0.2.7;host=scim.test, for=10.0.0.2;host=inside")],
            "https://scim.test/base",
        ),
        (&[("forwarded", "for=192.0.2.7;host=scim.test, for=10.0.0.2")], "https://scim.test/base"),
        (&[("forwarded", "host=evil.test, for=unknown;host=scim.test")], "https://scim.test/base"),
        (&[("forwarded", "host=evil.test, for=_hidden;host=scim.test")], "https://scim.test/base"),
        // A comma in quotes is not a separator.
        (&[("forwarded", "for=\"x,host=evil.test\";host=scim.test")], "https://scim.test/base"),
        (&[("x-forwarded-host", "evil.test, scim.test")], "https://scim.test/base"),
        (
            &[("x-forwarded-for", "10.0.0.9, 192.0.2.7"), ("x-forwarded-host", "evil.test, scim.test")],
            "https://scim.test/base",
        ),
        (
            &[("x-forwarded-for", "192.0.2.7, 10.0.0.2"), ("x-forwarded-host", "scim.test, inside")],
            "https://scim.test/base",
        ),
        (
            &[("x-forwarded-for", "192.0.2.7, 10.0.0.2"), ("x-forwarded-host", "evil.test, scim.test, inside")],
            "https://scim.test/base",
        ),
        (
            &[("x-forwarded-for", "192.0.2.7, 10.0.0.2:4711"), ("x-forwarded-host", "scim.test")],
            "https://scim.test/base",
        ),
    ] {
        assert_eq!(seen(PROXY, lines), expected, "{lines:?}");
    }
}

#[test]
fn invalid_and_contradictory_addresses_are_ignored() {
    for lines in [
        &[("forwarded", "host=\"a.test/b\"")][..],
        &[("forwarded", "host=user@a.test")],
        &[("forwarded", "host=\"a b\"")],
        &[("forwarded", "host=a.test:99999")],
        &[("forwarded", "host=a.test:")],
        &[("forwarded", "host=\"\"")],
        &[("forwarded", "proto=ftp;host=a.test")],
        &[("forwarded", "proto=javascript;host=a.test")],
        &[("forwarded", ";;,=,\"")],
        &[("x-forwarded-host", "a.test"), ("x-forwarded-port", "port")],
        &[("x-forwarded-host", "a.test"), ("x-forwarded-prefix", "b")],
        &[("x-forwarded-host", "a.test"), ("x-forwarded-prefix", "//evil.test")],
        &[("x-forwarded-host", "a.test"), ("x-forwarded-prefix", "/a?b")],
        &[("forwarded", "host=a.test"), ("x-forwarded-host", "b.test")],
        &[("forwarded", "proto=https;host=a.test"), ("x-forwarded-proto", "http")],
    ] {
        assert_eq!(seen(PROXY, lines), PUBLIC, "{lines:?}");
    }
    let agreeing =
        [("forwarded", "proto=https;host=a.test"), ("x-forwarded-host", "a.test"), ("x-forwarded-port", "81")];
    assert_eq!(seen(PROXY, &agreeing), "https://a.test:81/base");
}
