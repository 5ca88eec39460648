//! `scimgate tenant send`: the bulk requests of an export, to any SCIM server. Ids that it gives take the place of the bulkIds in later
//! requests.

use std::collections::HashMap;
use std::io::BufRead as _;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use super::export::{eprint_line, progress};
use crate::client::Key;
use crate::failure::Failure;
use crate::output::printable;

/// Longer than a server needs for a thousand operations.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(5);
/// How often a request is sent that the server has no time for, and the longest pause.
const MAX_ATTEMPTS: u32 = 6;
const MAX_PAUSE: Duration = Duration::from_mins(1);
/// Failed operations that are printed.
const MAX_PRINTED: usize = 50;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The file that `tenant export --format bulk` wrote.
    file: PathBuf,
    /// The server's SCIM endpoint, such as <https://app.example.com/scim/v2>.
    #[arg(long, value_name = "URL")]
    to: String,
    /// The token that the server accepts.
    #[arg(long, env = "SCIMGATE_SCIM_TOKEN", value_name = "TOKEN", help_heading = "Server", hide_env_values = true)]
    token: Key,
}

pub(super) async fn run(it: &Arguments) -> Result<(), Failure> {
    let file = std::fs::File::open(&it.file)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", it.file.display())))?;
    let url = format!("{}/Bulk", it.to.trim_end_matches('/'));
    // A redirect would send the token to another host.
    let mut http = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).redirect(reqwest::redirect::Policy::none());
    if it.to.starts_with("http://") {
        // Without TLS, missing system certificates are not an error.
        http = http.tls_certs_only([]);
    }
    let http = http.build()?;
    let bar = progress("sending requests");
    bar.set_length(std::io::BufReader::new(&file).lines().count() as u64);
    let file = std::fs::File::open(&it.file)?;
    let (mut ids, mut done, mut failed) = (HashMap::new(), 0usize, 0usize);
    for (line, number) in std::io::BufReader::new(file).lines().zip(1u64..) {
        let mut request: Value = serde_json::from_str(&line?).map_err(|why| {
            Failure::new(format!("line {number} of {} is not a bulk request: {why}", it.file.display()))
        })?;
        let own: Vec<String> = created(&request);
        substitute(&mut request, &ids, &own);
        let answer = send(&http, &url, &it.token, &request).await.map_err(|failure| Failure {
            message: format!("request {number}: {}; those before it are done", failure.message),
            ..failure
        })?;
        for (index, operation) in answer["Operations"].as_array().into_iter().flatten().enumerate() {
            match id_of(operation) {
                Ok(created) => {
                    done += 1;
                    ids.extend(created);
                }
                Err(why) => {
                    failed += 1;
                    if failed <= MAX_PRINTED {
                        eprint_line(&format!("request {number}, operation {}: {}", index + 1, printable(&why)));
                    }
                }
            }
        }
        bar.set_position(number);
    }
    bar.finish_and_clear();
    eprint_line(&format!("{done} operations are done, {failed} were refused."));
    if failed == 0 { Ok(()) } else { Err(Failure::new(format!("{failed} operations were refused"))) }
}

/// The bulkIds that a request itself gives.
fn created(request: &Value) -> Vec<String> {
    let operations = request["Operations"].as_array().into_iter().flatten();
    operations.filter_map(|operation| operation["bulkId"].as_str()).map(str::to_owned).collect()
}

/// Puts the ids of earlier requests in place of their bulkIds.
fn substitute(value: &mut Value, ids: &HashMap<String, String>, own: &[String]) {
    match value {
        Value::Object(members) => members.values_mut().for_each(|member| substitute(member, ids, own)),
        Value::Array(items) => items.iter_mut().for_each(|item| substitute(item, ids, own)),
        Value::String(text) => {
            // A whole value, or the end of a path.
            let Some((before, name)) = text.split_once("bulkId:") else { return };
            let is_reference = before.is_empty() || before.starts_with('/') && before.ends_with('/');
            if let Some(id) = ids.get(name).filter(|_| is_reference && !own.iter().any(|own| own == name)) {
                *text = format!("{before}{id}");
            }
        }
        _ => {}
    }
}

/// The bulkId and the id of what an operation created, or why it failed.
fn id_of(operation: &Value) -> Result<Option<(String, String)>, String> {
    let status = operation["status"].as_str().map_or_else(|| operation["status"].to_string(), str::to_owned);
    if !status.starts_with('2') {
        let detail = operation["response"]["detail"].as_str().unwrap_or("no reason is given");
        return Err(format!("{status}: {detail}"));
    }
    let id = operation["location"].as_str().and_then(|location| location.rsplit('/').next());
    let bulk_id = operation["bulkId"].as_str();
    Ok(bulk_id.zip(id).map(|(bulk_id, id)| (bulk_id.to_owned(), id.to_owned())))
}

/// Sends a request, again where the server has no time for it.
async fn send(http: &reqwest::Client, url: &str, token: &Key, request: &Value) -> Result<Value, Failure> {
    let mut attempt = 1;
    loop {
        let sent = http.post(url).bearer_auth(token.secret()).header("content-type", "application/scim+json");
        let response = sent.body(request.to_string()).send().await.map_err(reqwest::Error::without_url)?;
        let status = response.status();
        let pause = response.headers().get("retry-after").and_then(|it| it.to_str().ok()?.parse().ok());
        let body: Value = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        if status == StatusCode::OK {
            return Ok(body);
        }
        let is_passing = matches!(status.as_u16(), 429 | 503);
        if !is_passing || attempt == MAX_ATTEMPTS {
            let detail = body["detail"].as_str().unwrap_or("no reason is given");
            return Err(Failure::new(format!("the server answered {status}: {}", printable(detail))));
        }
        tokio::time::sleep(Duration::from_secs(pause.unwrap_or(u64::from(attempt))).min(MAX_PAUSE)).await;
        attempt += 1;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_of_earlier_requests_take_the_place_of_bulk_ids() {
        let ids = HashMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
        let mut request = json!({ "Operations": [
            { "method": "POST", "bulkId": "b", "path": "/Users", "data": { "title": "see bulkId:a" } },
            { "method": "PATCH", "path": "/Groups/bulkId:a", "data": [{ "value": "bulkId:a" }, { "value": "bulkId:b" }, { "value": "bulkId:c" }] },
        ]});
        let own = created(&request);
        substitute(&mut request, &ids, &own);
        let expected = json!({ "Operations": [
            { "method": "POST", "bulkId": "b", "path": "/Users", "data": { "title": "see bulkId:a" } },
            { "method": "PATCH", "path": "/Groups/1", "data": [{ "value": "1" }, { "value": "bulkId:b" }, { "value": "bulkId:c" }] },
        ]});
        assert_eq!(request, expected);
    }

    #[test]
    fn an_operation_gives_its_id_or_the_reason_of_its_failure() {
        let created = json!({ "bulkId": "a", "status": "201", "location": "https://x/Users/7" });
        assert_eq!(id_of(&created), Ok(Some(("a".to_owned(), "7".to_owned()))));
        assert_eq!(id_of(&json!({ "status": "200", "location": "https://x/Users/7" })), Ok(None));
        let refused = json!({ "status": "409", "response": { "detail": "userName is taken" } });
        assert_eq!(id_of(&refused), Err("409: userName is taken".to_owned()));
    }
}
