use super::*;

fn client(api: Api) -> AdminClient {
    let _ = rustls::crypto::ring::default_provider().install_default();
    AdminClient::new("http://127.0.0.1:8081/", Some(&Key("sgo_secret".into())), api).unwrap()
}

#[test]
fn a_url_is_accepted_in_several_forms() {
    for written in ["http://gw:8081", "http://gw:8081/", " http://gw:8081/admin/v1/ "] {
        assert_eq!(base(written).unwrap(), "http://gw:8081", "{written}");
    }
    for written in ["", "gw:8081", "127.0.0.1:8081", "ftp://gw", "http://a:b@gw", "http://gw/?a=b"] {
        assert!(base(written).is_err(), "{written}");
    }
}

#[test]
fn names_are_escaped_and_cannot_change_the_path() {
    let client = client(Api::Admin);
    assert_eq!(client.path(&["tenants", "a/b ü"]).unwrap(), "/admin/v1/tenants/a%2Fb%20%C3%BC");
    for name in ["", ".", ".."] {
        assert!(client.path(&["tenants", "acme", "tokens", name]).is_err(), "{name:?}");
    }
    assert_eq!(self::client(Api::Directory).path(&["users"]).unwrap(), "/directory/v1/users");
}

#[test]
fn a_missing_key_is_an_error_that_says_how_to_get_one() {
    for key in [None, Some(&Key("  ".into()))] {
        let error = AdminClient::new("http://gw", key, Api::Admin).err().unwrap().to_string();
        assert!(error.contains("SCIMGATE_OPERATOR_KEY") && error.contains("scimgate bootstrap"), "{error}");
    }
}

#[test]
fn a_refusal_is_the_problems_detail() {
    let problem = br#"{"title":"Not Found","status":404,"detail":"There is no tenant called x."}"#;
    let read = Problem::read(serde_json::from_slice(problem).unwrap()).unwrap();
    assert_eq!(read.to_string(), "There is no tenant called x.");
    let cases: [(u16, &[u8], Result<Value, Refusal>); 6] = [
        (200, b"{}", Ok(serde_json::json!({}))),
        (204, b"", Ok(Value::Null)),
        (401, b"", Err(Refusal::Unauthorized)),
        (404, problem, Err(Refusal::Problem(read))),
        (404, b"<html>", Err(Refusal::Foreign)),
        (200, b"<html>", Err(Refusal::Foreign)),
    ];
    for (status, body, expected) in cases {
        assert_eq!(parse(StatusCode::from_u16(status).unwrap(), body), expected, "{status}");
    }
}

#[test]
fn debug_output_hides_the_key() {
    assert_eq!(format!("{:?}", Key("sgo_secret".into())), "Key");
}
