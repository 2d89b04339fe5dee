//! Holds the double of Tapis to the service's own recorded answers, so that what our store is tested
//! against is what it will meet. `INJECT_CONFORMANCE` names another file of cases.

use crate::doubles::client::{Exchange, exchange};
use crate::doubles::http::{Wire, now};
use crate::doubles::tapis::{self, MESSAGES, State, TENANT, Tapis};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

const TIME: &str = "<naive-utc-iso8601>";

pub(crate) fn cases(function: &str) -> Vec<Value> {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/conformance/tapis.json");
    let file = std::env::var_os("INJECT_CONFORMANCE").map_or_else(|| fixture.into(), PathBuf::from);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let cases: Vec<Value> = cases.into_iter().filter(|case| case["function"] == function).collect();
    assert!(!cases.is_empty() || std::env::var_os("INJECT_CONFORMANCE").is_some(), "no case of {function}");
    cases
}

fn token(who: &str) -> String {
    let soon = now() + 3600;
    match who {
        "!expired" => tapis::token_of("alice", TENANT, now() - 3600),
        "!garbage" => "garbage".into(),
        "!empty" => String::new(),
        "!other-tenant" => tapis::token_of("alice", "other", soon),
        "!unknown-tenant" => tapis::token_of("alice", "nowhere", soon),
        user => tapis::token(user),
    }
}

fn send(double: &Tapis, request: &Value) -> Exchange {
    let mut headers = Vec::new();
    if let Some(who) = request["as"].as_str() {
        headers.push(("X-Tapis-Token".to_owned(), token(who)));
    }
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        headers.push((name.clone(), value.as_str().unwrap().to_owned()));
    }
    let body = match (request.get("json"), request["raw"].as_str()) {
        (Some(json), _) => Some(json.to_string()),
        (None, raw) => raw.map(str::to_owned),
    };
    if body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("Content-Type".into(), "application/json".into()));
    }
    let path = format!("/v3{}", request["path"].as_str().unwrap());
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let method = request["method"].as_str().unwrap();
    exchange(double.address(), method, &path, &headers, body.unwrap_or_default().as_bytes())
}

/// The record's word for a text of ours.
fn code(text: &str) -> &str {
    MESSAGES.iter().find(|(_, known)| *known == text).map_or(text, |(code, _)| code)
}

/// The reply as the record writes it down.
fn recorded(reply: &Exchange) -> Value {
    let Ok(Value::Object(mut body)) = serde_json::from_slice(&reply.body) else {
        return json!({ "status": reply.status, "body": String::from_utf8_lossy(&reply.body) });
    };
    let message: Value = match body.get("message").unwrap_or(&Value::Null) {
        Value::Array(list) => list
            .iter()
            .map(|item| {
                let (field, text) = item.as_str().unwrap().split_once(": ").unwrap();
                json!({ "field": field, "code": code(text) })
            })
            .collect(),
        text => text.as_str().map(code).into(),
    };
    let keys: Vec<String> = body.keys().cloned().collect();
    let mut result = body.remove("result").unwrap_or_default();
    mask(&mut result);
    result.as_array_mut().into_iter().flatten().for_each(mask);
    let status = body.remove("status");
    json!({
        "status": reply.status, "envelope_keys": keys, "envelope_status": status, "message": message, "result": result,
    })
}

/// Another file may have codes for which the double has no text: there, any text will do.
fn forgive(answer: &mut Value, expected: &Value) {
    let is_unknown = |code: &Value| code.as_str().is_some_and(|code| MESSAGES.iter().all(|(known, _)| *known != code));
    match (answer.get_mut("message"), &expected["message"]) {
        (Some(Value::Array(answered)), Value::Array(expected)) => {
            for (answered, expected) in answered.iter_mut().zip(expected).filter(|(_, item)| is_unknown(&item["code"]))
            {
                answered["code"] = expected["code"].clone();
            }
        }
        (Some(answered @ Value::String(_)), expected) if is_unknown(expected) => *answered = expected.clone(),
        _ => {}
    }
}

fn mask(metadata: &mut Value) {
    if let Some(time) = metadata.get_mut("creation_ts") {
        assert!(time.as_str().is_some_and(|time| time.starts_with("2026-") && !time.ends_with('Z')), "{time}");
        *time = json!(TIME);
    }
}

#[test]
fn the_double_of_tapis_answers_as_the_service_did() {
    let mut failed = Vec::new();
    for case in cases("http_sequence") {
        let double = tapis::start(Wire::Plain, State::new());
        let (requests, expected) =
            (case["input"]["requests"].as_array().unwrap(), case["expected"].as_array().unwrap());
        assert_eq!(requests.len(), expected.len(), "{}", case["id"]);
        for (request, expected) in requests.iter().zip(expected) {
            if let Some(down) = request["store_down"].as_bool() {
                double.state().store_down = down;
            }
            let mut answer = match request["grant"].as_array() {
                Some(grant) => {
                    double.state().grant(grant[0].as_str().unwrap(), grant[1].as_str().unwrap());
                    json!({ "granted": true })
                }
                None => recorded(&send(&double, request)),
            };
            forgive(&mut answer, expected);
            if answer != *expected {
                failed.push(format!("{} {request}\n  expected {expected}\n  answered {answer}", case["id"]));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn the_double_of_tapis_takes_and_refuses_the_secrets_that_the_service_does() {
    for case in cases("create_secret_validation") {
        let double = tapis::start(Wire::Plain, State::new());
        let (body, user) = (&case["input"]["body"], &case["input"]["username"]);
        let request = json!({ "as": user, "method": "POST", "path": "/pods/secrets", "json": body });
        let answer = recorded(&send(&double, &request));
        let mut seen = Map::new();
        if answer["status"] == 200 {
            let mut result = answer["result"].clone();
            result.as_object_mut().unwrap().remove("creation_ts");
            seen.insert("accepted".into(), result);
        } else {
            let list = answer["message"].as_array().unwrap().iter();
            // The record has the model's view here, where a body is not spoken of.
            let bare = |item: &Value| {
                let field = item["field"].as_str().unwrap();
                json!({ "field": field.strip_prefix("body, ").unwrap_or(field), "code": item["code"] })
            };
            seen.insert("rejected".into(), list.map(bare).collect());
        }
        assert_eq!(Value::Object(seen), case["expected"], "{}", case["id"]);
    }
}
