//! Webhooks of forges: whether a call that asks for a crawl was signed with the configured secret.
//!
//! In: the secret, the headers that forges send, the body. Out: yes or no, in a time that tells nothing.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The secret that a forge and this catalog share.
#[derive(Clone)]
pub struct WebhookSecret(String);

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("WebhookSecret")
    }
}

/// What a forge sends to prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookProof<'a> {
    /// `sha256=` and the HMAC-SHA-256 of the body in hexadecimal: `X-Hub-Signature-256` of GitHub, Gitea
    /// and Forgejo (<https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries>),
    /// `X-Hub-Signature` of Bitbucket.
    Signature(&'a str),
    /// The secret itself: `X-Gitlab-Token` (<https://docs.gitlab.com/user/project/integrations/webhooks/>).
    Token(&'a str),
}

impl WebhookSecret {
    /// A secret; `None` for an empty one, which would prove nothing.
    pub fn new(secret: &str) -> Option<WebhookSecret> {
        let secret = secret.trim();
        (!secret.is_empty()).then(|| WebhookSecret(secret.to_owned()))
    }

    /// Whether `proof` shows that the sender of `body` knows the secret.
    pub fn accepts(&self, proof: WebhookProof<'_>, body: &[u8]) -> bool {
        match proof {
            WebhookProof::Signature(signature) => {
                let sent = signature.strip_prefix("sha256=").and_then(read_hex);
                sent.is_some_and(|sent| self.sign(body).is_some_and(|own| own.verify_slice(&sent).is_ok()))
            }
            // Compared by what both would sign, so that the time says nothing of the secret.
            WebhookProof::Token(token) => {
                let other = WebhookSecret(token.to_owned()).sign(body).map(|other| other.finalize().into_bytes());
                other.is_some_and(|other| self.sign(body).is_some_and(|own| own.verify_slice(&other).is_ok()))
            }
        }
    }

    fn sign(&self, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mut code = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).ok()?;
        code.update(body);
        Some(code)
    }
}

fn read_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::{WebhookProof, WebhookSecret};

    /// The example of the page that describes the header.
    const SECRET: &str = "It's a Secret to Everybody";
    const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn a_signature_over_the_body_is_accepted_and_no_other() {
        let secret = WebhookSecret::new(SECRET).unwrap();
        let signed = WebhookProof::Signature(SIGNATURE);
        assert!(secret.accepts(signed, b"Hello, World!"));
        assert!(!secret.accepts(signed, b"Hello, World"));
        assert!(!WebhookSecret::new("other").unwrap().accepts(signed, b"Hello, World!"));
        for broken in ["", "sha256=", "sha256=zz", "sha256=757107e", &SIGNATURE[7..], &SIGNATURE[..70], "sha1=757107ea"] {
            assert!(!secret.accepts(WebhookProof::Signature(broken), b"Hello, World!"), "{broken}");
        }
    }

    #[test]
    fn the_secret_itself_is_accepted_and_no_part_of_it() {
        let secret = WebhookSecret::new(SECRET).unwrap();
        assert!(secret.accepts(WebhookProof::Token(SECRET), b"any"));
        for other in ["", "It's a Secret", "it's a secret to everybody"] {
            assert!(!secret.accepts(WebhookProof::Token(other), b"any"), "{other}");
        }
        assert!(WebhookSecret::new(" ").is_none());
    }
}
