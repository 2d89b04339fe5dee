//! Drives the double of Tapis with the official client, through each operation of its secrets API, and
//! the two that show a pod.
//!
//! `URL` (with `/v3`) and `TOKEN` say where and who. The client's models want times with an offset,
//! which the service does not send: with `WITH_OFFSET` the double has that, and everything must be
//! understood; without, what has no time in it.
//!
//! With arguments it does one thing: `make NAME VALUE DESCRIPTION`, `see NAME VALUE DESCRIPTION`, which
//! checks that it is so, `remove NAME`, or `miss NAME`.

use tapis_pods::TapisPods;
use tapis_pods::apis::Error;
use tapis_pods::client::{PodsClient, SecretsClient};
use tapis_pods::models::{NewSecret, PodResponseModel, UpdateSecret};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let variable = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let (url, token) = (variable("URL"), variable("TOKEN"));
    let client = |token: Option<&str>| TapisPods::new(&url, token).expect("a client").secrets;
    let secrets = client(Some(&token));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.is_empty() {
        return do_one(&secrets, &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    show_pod(&TapisPods::new(&url, Some(&token)).expect("a client").pods).await;
    let is_understood = std::env::var_os("WITH_OFFSET").is_some();

    assert!(secrets.list_secrets().await.expect("an empty list").result.is_empty());
    let description = Some("what it is for".to_owned());
    let new = NewSecret { description, ..NewSecret::new("db".into(), "value".into()) };
    let created = secrets.create_secret(new).await;
    let changed = UpdateSecret { secret_value: Some(Some("changed \u{1f511}\n".into())), ..UpdateSecret::new() };
    let updated = secrets.update_secret("db", changed).await;
    let read = secrets.get_secret("db").await;
    let listed = secrets.list_secrets().await;
    if is_understood {
        let created = created.expect("metadata").result;
        assert_eq!((created.secret_id.as_str(), created.readable, created.writable), ("db", Some(true), Some(true)));
        assert_eq!(created.sk_secret_name.as_deref(), Some("pods_dev_user+alice+db"));
        assert_eq!(updated.expect("metadata").result.added_by.as_deref(), Some("alice"));
        assert_eq!(read.expect("metadata").result.description.as_deref(), Some("what it is for"));
        assert_eq!(listed.expect("metadata").result.len(), 1);
    } else {
        // Done all the same; it is the answer that this client cannot read.
        assert!(matches!(created, Err(Error::Serde(_))), "{created:?}");
        assert!(matches!(updated, Err(Error::Serde(_))), "{updated:?}");
        assert!(matches!(read, Err(Error::Serde(_))), "{read:?}");
        assert!(matches!(listed, Err(Error::Serde(_))), "{listed:?}");
    }
    let value = secrets.get_secret_value("db").await.expect("the value");
    assert_eq!(value.status, "success");
    assert_eq!(value.result["secret_value"], "changed \u{1f511}\n");

    let hidden = NewSecret { readable: Some(false), ..NewSecret::new("hidden".into(), "unseen".into()) };
    let made = secrets.create_secret(hidden).await;
    assert!(made.is_ok() || !is_understood, "{made:?}");
    assert_eq!(status(secrets.get_secret_value("hidden").await), 403);
    assert_eq!(status(secrets.create_secret(NewSecret::new("db".into(), "again".into())).await), 409);
    assert_eq!(status(secrets.create_secret(NewSecret::new("a b".into(), "value".into())).await), 400);
    assert_eq!(status(secrets.get_secret("absent").await), 404);
    assert_eq!(status(client(Some("no token")).list_secrets().await), 400);
    assert_eq!(status(client(None).list_secrets().await), 400);

    assert_eq!(secrets.delete_secret("db").await.expect("its id").result, "db");
    assert_eq!(status(secrets.get_secret_value("db").await), 404);
}

async fn do_one(secrets: &SecretsClient, arguments: &[&str]) {
    match *arguments {
        ["make", name, value, description] => {
            let description = Some(description.to_owned());
            let new = NewSecret { description, ..NewSecret::new(name.into(), value.into()) };
            assert_eq!(secrets.create_secret(new).await.expect("metadata").result.secret_id, name);
        }
        ["see", name, value, description] => {
            let read = secrets.get_secret_value(name).await.expect("the value").result;
            assert_eq!(read["secret_value"], value);
            let shown = secrets.get_secret(name).await.expect("metadata").result;
            assert_eq!(shown.description.as_deref(), Some(description));
            let listed = secrets.list_secrets().await.expect("metadata").result;
            assert!(listed.iter().any(|secret| secret.secret_id == name), "{name} is not listed");
        }
        ["remove", name] => assert_eq!(secrets.delete_secret(name).await.expect("its id").result, name),
        ["miss", name] => assert_eq!(status(secrets.get_secret(name).await), 404),
        _ => panic!("no such thing to do: {arguments:?}"),
    }
}

/// `web` has a config that refers to an entry of its template, and its own word on `WHO`.
async fn show_pod(pods: &PodsClient) {
    let content = |pod: &PodResponseModel| {
        let mounts = pod.volume_mounts.as_ref().expect("mounts");
        mounts["/etc/app.conf"].config_content.clone().flatten().expect("a content")
    };
    let shown = pods.get_pod("web", Some(true), None).await.expect("the pod").result;
    assert_eq!((shown.pod_id.as_str(), content(&shown).as_str()), ("web", "p=${pods:secrets:DB}"));
    assert_eq!(shown.secret_map.as_ref().expect("a map").len(), 1, "without its template");
    let derived = pods.get_derived_pod("web", Some(true), None).await.expect("the pod").result;
    assert_eq!(content(&derived), "p=${pods:secrets:DB}");
    assert_eq!(derived.secret_map.expect("a map")["DB"], "${secret:alice:db}");
    let variables = derived.environment_variables.expect("variables");
    assert_eq!((variables["WHO"].as_str(), variables["MORE"].as_str()), (Some("pod"), Some("template")));
    let without = pods.get_derived_pod("web", None, None).await.expect("the pod").result;
    assert!(content(&without).starts_with("<20 bytes - "), "{}", content(&without));
    // To resolve is for admins, and this client does not say that it is one.
    assert_eq!(status(pods.get_derived_pod("web", None, Some(true)).await), 403);
    assert_eq!(status(pods.get_pod("absent", None, None).await), 404);
    assert_eq!(status(pods.get_derived_pod("bobs", None, None).await), 400);
}

/// What it was refused with.
#[track_caller]
fn status<T: std::fmt::Debug, E: std::fmt::Debug>(done: Result<T, Error<E>>) -> u16 {
    match done {
        Err(Error::ResponseError(reply)) => reply.status.as_u16(),
        other => panic!("neither a value nor a status: {other:?}"),
    }
}
