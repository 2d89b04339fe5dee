//! Holds the doubles of Apolo, Cloudify and Juju to what is recorded of the services, exchange by
//! exchange, in `fixtures/doubles`.

use crate::doubles::client::{Exchange, exchange};
use crate::doubles::http::Wire;
use crate::doubles::websocket::Speaker as _;
use crate::doubles::{apolo, cloudify, juju};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// A token of alice's that was made before the record begins.
const RECORDED_TOKEN: &str = "ctok-IDFXJrTMAs-fXxHjUuA5tAspKxYJVp3bCmrrrbK9kpq080kev8z";

fn exchanges(name: &str) -> Vec<Value> {
    let path = format!("{}/fixtures/doubles/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn send(address: SocketAddr, item: &Value, headers: &[(&str, &str)]) -> Exchange {
    // A body that is no JSON stands as the text that was sent.
    let body = match (&item["body"], item["size"].as_u64()) {
        (_, Some(size)) => body_of(size as usize),
        (Value::Null, _) => String::new(),
        (Value::String(raw), _) => raw.clone(),
        (json, _) => json.to_string(),
    };
    let target = with_tokens(item["target"].as_str().unwrap());
    exchange(address, item["method"].as_str().unwrap(), &target, headers, body.as_bytes())
}

fn with_tokens(text: &str) -> String {
    let users = ["alice", "bob", "mallory"];
    users.iter().fold(text.to_owned(), |text, user| text.replace(&format!("<jwt of {user}>"), &apolo::token(user)))
}

/// A secret for Apolo in so many bytes of JSON, its value as long as that leaves.
fn body_of(size: usize) -> String {
    let with = |value: &str| {
        json!({ "key": "K", "value": value, "org_name": apolo::ORG, "project_name": apolo::PROJECT }).to_string()
    };
    let room = size - with("").len();
    // Blanks between the members are what remains to the size.
    let body = with(&BASE64_STANDARD.encode(vec![0; room / 4 * 3]));
    format!("{{{}{}", " ".repeat(size - body.len()), &body[1..])
}

fn content_type(reply: &Exchange) -> Option<String> {
    let lines = reply.head.lines().filter_map(|line| line.split_once(": "));
    let mut types = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-type")).map(|(_, value)| value);
    types.next().map(|value| value.split(';').next().unwrap().to_owned())
}

#[test]
fn the_double_of_apolo_answers_as_the_service_did() {
    let double = apolo::start(Wire::Plain, apolo::State::new());
    let mut failed = Vec::new();
    for item in exchanges("apolo.json") {
        let authorization = item["authorization"].as_str().map(with_tokens);
        let headers: Vec<_> = authorization.iter().map(|value| ("authorization", value.as_str())).collect();
        let reply = send(double.address(), &item, &headers);
        let mut body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        if body.get("error").is_some_and(Value::is_string) {
            body = json!({ "error": true });
        }
        let seen = json!({ "status": reply.status, "content_type": content_type(&reply), "body": body });
        // The last of the paths that the client makes of `..` is the recorder's to answer, not the service's.
        if seen != item["reply"] && item["target"].as_str().is_some_and(|target| !target.starts_with("/api/v1/?")) {
            failed.push(format!("{}\n  expected {}\n  answered {seen}", item["label"], item["reply"]));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn the_double_of_cloudify_answers_as_the_manager_did() {
    let double = cloudify::start(Wire::Plain, cloudify::State::new());
    let token = double.state().token("alice", None);
    let mut failed = Vec::new();
    for item in exchanges("cloudify.json") {
        let mut headers: Vec<(&str, &str)> = Vec::new();
        for (name, value) in item["headers"].as_object().unwrap() {
            let value = value.as_str().unwrap();
            headers.push((name, if value == RECORDED_TOKEN { &token } else { value }));
        }
        headers.extend(item["content_type"].as_str().map(|value| ("content-type", value)));
        let reply = send(double.address(), &item, &headers);
        let mut body = serde_json::from_slice(&reply.body).unwrap_or_default();
        mask(&mut body);
        if let Some(code) = body.get("error_code") {
            body = json!({ "error_code": code });
        }
        let seen = json!({ "status": reply.status, "content_type": content_type(&reply), "body": body });
        let expected = &item["reply"];
        let has_type = expected["status"] != 204;
        if seen["status"] != expected["status"]
            || seen["body"] != expected["body"]
            || (has_type && seen["content_type"] != expected["content_type"])
        {
            failed.push(format!("{}\n  expected {expected}\n  answered {seen}", item["label"]));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Without a socket: how messages travel is held elsewhere, by the official client too.
#[test]
fn the_double_of_juju_answers_as_was_recorded() {
    let mut state = juju::State::new();
    let (mut compared, mut failed) = (0, Vec::new());
    for talk in exchanges("juju.json") {
        state.remove_all();
        state.versions = serde_json::from_value(talk["versions"].clone()).unwrap();
        let mut connection = state.open(talk["path"].as_str().unwrap()).unwrap();
        let mut say = |message: &Value| -> Vec<Value> {
            let password = json!(juju::PASSWORD).to_string();
            let message = message.to_string().replace("\"s3cret\"", &password);
            let (_, said) = state.hear(&mut connection, message.as_bytes());
            said.iter().map(|reply| serde_json::from_slice(reply).unwrap()).collect()
        };
        let items = talk["exchanges"].as_array().unwrap();
        if items[0]["send"]["request"] != "Login" {
            let tag = format!("user-{}", talk["user"].as_str().unwrap());
            let params = json!({ "auth-tag": tag, "credentials": juju::PASSWORD });
            say(&json!({ "type": "Admin", "request": "Login", "version": 3, "request-id": 0, "params": params }));
        }
        for item in items {
            let said = say(&item["send"]);
            // What the record takes for granted has no reply in it.
            if let Some(replies) = item["replies"].as_array() {
                compared += 1;
                if said != *replies {
                    let what = format!("{} {}", talk["about"], item["send"]);
                    failed.push(format!("{what}\n  expected {replies:?}\n  answered {said:?}"));
                }
            }
        }
    }
    assert!(failed.is_empty() && compared > 60, "{compared}\n{}", failed.join("\n"));
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let is_token = name == "value" && member.as_str().is_some_and(|text| text.starts_with("ctok-"));
                match name.as_str() {
                    "id" | "expiration_date" | "last_used" => *member = json!("<masked>"),
                    _ if is_token => *member = json!("<masked>"),
                    "secrets_errors" => {
                        member.as_object_mut().unwrap().values_mut().for_each(|wrong| *wrong = json!(true));
                    }
                    _ => mask(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::String(text) if text.starts_with("gAAAA") => *text = "<ciphertext>".into(),
        Value::String(text) if text.len() == 24 && text.starts_with("2026-") && text.ends_with('Z') => {
            *text = "<time>".into();
        }
        _ => {}
    }
}
