//! Tells the webhook that is configured what people state and remark.
//!
//! In: the catalog's news. Out: JSON by POST, signed where a secret is set. What could not be told is
//! tried again later, in order; nothing is told to anybody else.

use std::{sync::Arc, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::watch;

use crate::{catalog::Catalog, config::NotifyConfig};

/// How often it is looked for news.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// How long the webhook may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// The longest time between two attempts that fail.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// News of one request.
const AT_ONCE: u32 = 100;

/// Tells the webhook until stopped.
pub(super) async fn tell_webhook(config: NotifyConfig, catalog: Arc<Catalog>, mut stopped: watch::Receiver<bool>) {
    let mut pause = LOOK_EVERY;
    while !*stopped.borrow() {
        pause = match tell_once(&config, &catalog).await {
            Ok(()) => LOOK_EVERY,
            Err(cause) => {
                tracing::warn!(cause = format!("{cause:#}"), "the webhook could not be told");
                (pause * 2).min(LONGEST_PAUSE)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped.changed() => return,
        }
    }
}

async fn tell_once(config: &NotifyConfig, catalog: &Catalog) -> anyhow::Result<()> {
    let Some(hook) = &config.webhook else { return Ok(()) };
    loop {
        let told = catalog.told(hook).await?;
        let (events, now_told) = catalog.tell_since(told, AT_ONCE).await?;
        if events.is_empty() {
            return Ok(());
        }
        let body = serde_json::to_vec(&serde_json::json!({ "events": events }))?;
        let signature = config.secret.as_deref().map(|secret| sign(secret, &body)).transpose()?;
        let address = hook.clone();
        tokio::task::spawn_blocking(move || post(&address, body, signature)).await??;
        catalog.note_told(hook, now_told).await?;
    }
}

fn post(address: &str, body: Vec<u8>, signature: Option<String>) -> anyhow::Result<()> {
    let client = reqwest::blocking::Client::builder()
        .timeout(ANSWER_WITHIN)
        // Where it leads elsewhere, that is no address that was configured.
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let mut request = client.post(address).header("content-type", "application/json").body(body);
    if let Some(signature) = signature {
        request = request.header("x-wellspring-signature", signature);
    }
    let answer = request.send()?;
    anyhow::ensure!(answer.status().is_success(), "it answered {}", answer.status());
    Ok(())
}

/// `sha256=` and the HMAC of the body, hexadecimal.
fn sign(secret: &str, body: &[u8]) -> anyhow::Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("sha256={hex}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_as_rfc_4231_says() {
        let signed = sign("Jefe", b"what do ya want for nothing?").unwrap();
        assert_eq!(signed, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_webhook_is_told_once_and_again_after_it_failed() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path()).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let webhook = format!("http://{}/hook", listener.local_addr().unwrap());
        let answers = tokio::spawn(async move {
            let mut bodies = Vec::new();
            for status in ["500 no", "200 OK"] {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut text = String::new();
                let mut buffer = [0_u8; 4_096];
                while !text.contains("\"events\"") {
                    let read = socket.read(&mut buffer).await.unwrap();
                    text.push_str(&String::from_utf8_lossy(&buffer[..read]));
                }
                bodies.push(text);
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
            bodies
        });
        let config = NotifyConfig { webhook: Some(webhook.clone()), secret: Some("Jefe".to_owned()) };
        tell_once(&config, &catalog).await.unwrap();
        let yaml = "version: 1\nassets:\n- namespace: w\n  name: a.b\n  tags: [x]\n";
        let actor = crate::model::Actor {
            name: "ana".to_owned(),
            role: crate::model::Role::Editor,
            scope: crate::model::Scope::Write,
            also: Vec::new(),
        };
        catalog.import_governance(&actor, yaml, crate::catalog::OnConflict::Refuse).await.unwrap();
        assert!(tell_once(&config, &catalog).await.is_err());
        tell_once(&config, &catalog).await.unwrap();
        tell_once(&config, &catalog).await.unwrap();
        let bodies = answers.await.unwrap();
        assert!(bodies.iter().all(|text| text.contains("x-wellspring-signature: sha256=") && text.contains("\"tags\"")));
    }
}
