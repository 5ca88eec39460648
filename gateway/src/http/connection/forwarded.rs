//! The address a client used, as a trusted reverse proxy states it: `Forwarded` (RFC 7239), or the older `X-Forwarded-*`.
//! Anybody can write these headers. Each proxy appends at the right end, so they are read from there, as far as the proxies
//! are trusted and no further.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use axum::http::uri::Authority;

use crate::config::Network;

/// What trusted proxies state about one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Stated {
    scheme: Option<String>,
    host: Option<String>,
    port: Option<String>,
    prefix: Option<String>,
}

/// The address under which the client reached the gateway, without a trailing slash: as trusted proxies state it, else the
/// public URL. An invalid address is ignored.
#[must_use]
pub(in crate::http) fn origin(headers: &HeaderMap, peer: IpAddr, trusted: &[Network], public_url: &str) -> String {
    stated(headers, peer, trusted)
        .and_then(|stated| address(&stated, headers, public_url))
        .unwrap_or_else(|| public_url.to_owned())
}

/// The client's own address: the peer's, or the first one that trusted proxies state and that is none of theirs. Where the two
/// kinds of headers differ, a proxy passed one on that the client wrote, and the proxy's address stands for the client.
#[must_use]
pub(in crate::http) fn client(headers: &HeaderMap, peer: IpAddr, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(peer) {
        return peer;
    }
    let first = |nodes: Vec<String>| {
        let outside = nodes.iter().rev().map(|node| node_address(node));
        outside.take_while(Option::is_some).flatten().find(|address| !is_trusted(*address))
    };
    let elements = lines(headers, "forwarded").flat_map(|line| split(line, ','));
    let nodes = elements.filter_map(|element| pairs(&element).into_iter().find(|(key, _)| key == "for"));
    let by_standard = first(nodes.map(|(_, node)| node).collect());
    let by_custom =
        first(lines(headers, "x-forwarded-for").flat_map(|line| line.split(',')).map(str::to_owned).collect());
    match (by_standard, by_custom) {
        (Some(standard), Some(custom)) if standard != custom => peer,
        (one, other) => one.or(other).unwrap_or(peer),
    }
}

/// If both kinds of headers are present and differ, the proxy passed one on that the client wrote. Which one is unknown, so
/// neither is used.
fn stated(headers: &HeaderMap, peer: IpAddr, trusted: &[Network]) -> Option<Stated> {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(peer) {
        return None;
    }
    let (by_standard, by_custom) = (standard(headers, is_trusted), custom(headers, is_trusted));
    match (by_standard, by_custom) {
        (Some(standard), Some(custom)) => {
            let differs = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
            let disagree = differs(&standard.scheme, &custom.scheme) || differs(&standard.host, &custom.host);
            (!disagree).then(|| Stated {
                scheme: standard.scheme.or(custom.scheme),
                host: standard.host.or(custom.host),
                ..custom
            })
        }
        (one, other) => one.or(other),
    }
}

/// RFC 7239 §4: "the first element in this list holds information added by the first proxy that implements and uses this
/// header field".
fn standard(headers: &HeaderMap, is_trusted: impl Fn(IpAddr) -> bool) -> Option<Stated> {
    let elements: Vec<Vec<(String, String)>> =
        lines(headers, "forwarded").flat_map(|line| split(line, ',')).map(|element| pairs(&element)).collect();
    let mut stated = Stated::default();
    for element in elements.iter().rev() {
        let value = |name: &str| element.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        // An outer proxy is nearer to the client and was reached by the client's own name for the gateway.
        stated.scheme = value("proto").or(stated.scheme);
        stated.host = value("host").or(stated.host);
        if !value("for").and_then(|node| node_address(&node)).is_some_and(&is_trusted) {
            break;
        }
    }
    (!elements.is_empty()).then_some(stated)
}

/// The same from `X-Forwarded-*`, each a list to which every proxy may append.
fn custom(headers: &HeaderMap, is_trusted: impl Fn(IpAddr) -> bool) -> Option<Stated> {
    let list = |name: &str| -> Vec<String> {
        let values = lines(headers, name).flat_map(|line| line.split(',')).map(|value| value.trim().to_owned());
        values.filter(|value| !value.is_empty()).collect()
    };
    let passed = list("x-forwarded-for");
    let behind = passed.iter().rev().take_while(|node| node_address(node).is_some_and(&is_trusted)).count();
    // The proxy that connects to us, and the trusted ones behind it, have each written at most one value.
    let outermost = |name: &str| {
        let values = list(name);
        let written = values.len().min(behind + 1);
        values.get(values.len() - written).cloned()
    };
    let stated = Stated {
        scheme: outermost("x-forwarded-proto"),
        host: outermost("x-forwarded-host"),
        port: outermost("x-forwarded-port"),
        prefix: outermost("x-forwarded-prefix"),
    };
    (stated != Stated::default()).then_some(stated)
}

fn lines<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

/// Splits at a separator outside of quotes.
fn split(text: &str, at: char) -> Vec<String> {
    let (mut parts, mut quoted, mut escaped) = (vec![String::new()], false, false);
    for letter in text.chars() {
        let ends = letter == at && !quoted;
        if ends {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
        (quoted, escaped) = match letter {
            '"' if !escaped => (!quoted, false),
            '\\' if quoted && !escaped => (quoted, true),
            _ => (quoted, false),
        };
    }
    parts
}

/// `for=192.0.2.43; proto=https` as names in lower case and values without quotes.
fn pairs(element: &str) -> Vec<(String, String)> {
    let pairs = split(element, ';').into_iter();
    pairs
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((name.trim().to_ascii_lowercase(), unquoted(value.trim())))
        })
        .collect()
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return value.to_owned() };
    let mut plain = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        plain.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    plain
}

/// The address of a hop, with a port or without; none for `unknown` and names that hide it.
fn node_address(node: &str) -> Option<IpAddr> {
    let node = node.trim();
    let bare = node.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(node);
    bare.parse().ok().or_else(|| node.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()))
}

/// Builds the address; what is not stated comes from the request and from the public URL.
fn address(stated: &Stated, headers: &HeaderMap, public_url: &str) -> Option<String> {
    let (default_scheme, rest) = public_url.split_once("://")?;
    let scheme = match &stated.scheme {
        Some(scheme) => ["http", "https"].into_iter().find(|known| known.eq_ignore_ascii_case(scheme))?,
        None => default_scheme,
    };
    let host = match &stated.host {
        Some(host) => host.as_str(),
        // A proxy that states the scheme alone passes the host on.
        None => headers.get("host")?.to_str().ok()?,
    };
    let authority = authority(host, stated.port.as_deref(), scheme)?;
    let own_path = rest.split_once('/').map_or(String::new(), |(_, path)| format!("/{path}"));
    let prefix = match &stated.prefix {
        Some(prefix) => path(prefix)?,
        None => own_path,
    };
    Some(format!("{scheme}://{authority}{prefix}"))
}

/// A host with its port, where that is not the scheme's default.
fn authority(host: &str, port: Option<&str>, scheme: &str) -> Option<String> {
    let authority: Authority = host.parse().ok()?;
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    if authority.host().is_empty() || !plain(host) {
        return None;
    }
    let port = match (authority.port_u16(), port) {
        (Some(port), _) => Some(port),
        (None, Some(port)) => Some(port.parse().ok()?),
        // "host:" and "host:99999" have an invalid port.
        (None, None) if host.len() != authority.host().len() => return None,
        (None, None) => None,
    };
    let usual = if scheme == "https" { 443 } else { 80 };
    let host = authority.host().to_ascii_lowercase();
    Some(port.filter(|port| *port != usual).map_or_else(|| host.clone(), |port| format!("{host}:{port}")))
}

fn path(prefix: &str) -> Option<String> {
    let tidied = prefix.trim_end_matches('/');
    let plain = tidied.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte));
    let rooted = tidied.is_empty() || tidied.starts_with('/') && !tidied.contains("//");
    (plain && rooted).then(|| tidied.to_owned())
}

#[cfg(test)]
mod tests;
