//! The part of the check that is about credentials.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;

use super::check::{duration, name};
use super::error::Problems;
use super::raw;
use super::value::Hidden;
use super::{Auth, Oauth, OauthKey, Redis, User, UserSecret};

pub(super) fn auth(problems: &mut Problems<'_>, folder: &Path, raw: &raw::Auth) -> Auth {
    let mut auth = Auth::default();
    for raw in &raw.users {
        let taken = auth.users.iter().any(|user| user.name == *raw.name.get_ref());
        if taken || raw.name.get_ref().is_empty() || raw.name.get_ref().len() > 508 {
            problems
                .at(Some(raw.name.span()), "auth.users.name: 1 to 508 bytes, and each name once");
        }
        let secret = user_secret(problems, raw);
        auth.users.extend(secret.map(|secret| User { name: raw.name.get_ref().clone(), secret }));
    }
    for secret in &raw.rest_secrets {
        rest_secret(problems, "auth.rest_secrets", secret.span(), secret.get_ref().reveal());
        auth.rest_secrets.push(secret.get_ref().clone());
    }
    for file in &raw.rest_secret_files {
        match std::fs::read_to_string(folder.join(file.get_ref())) {
            Ok(text) => {
                let text = text.trim_end_matches(['\r', '\n']);
                rest_secret(problems, "auth.rest_secret_files", file.span(), text);
                auth.rest_secrets.push(Hidden::new(text.to_owned()));
            }
            Err(error) => problems.at(
                Some(file.span()),
                format!("auth.rest_secret_files: {:?} cannot be read: {error}", file.get_ref()),
            ),
        }
    }
    auth.oauth = raw.oauth.as_ref().map(|raw| oauth(problems, raw));
    auth.redis = raw.redis.as_ref().map(|raw| redis(problems, raw));
    let nobody = auth.users.is_empty()
        && auth.rest_secrets.is_empty()
        && auth.oauth.is_none()
        && auth.redis.is_none();
    if nobody {
        problems.whole(
            "auth: nobody could use the server; write auth.users, auth.rest_secrets, \
             auth.rest_secret_files, [auth.oauth] or [auth.redis]",
        );
    }
    auth
}

fn user_secret(problems: &mut Problems<'_>, raw: &raw::User) -> Option<UserSecret> {
    match (&raw.password, &raw.key) {
        (Some(password), None) if !password.get_ref().reveal().is_empty() => {
            Some(UserSecret::Password(password.get_ref().clone()))
        }
        (None, Some(key)) => {
            let text = key.get_ref().reveal();
            if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                problems.at(
                    Some(key.span()),
                    "auth.users.key: 32 hexadecimal digits, MD5 of \"name:realm:password\"",
                );
            }
            Some(UserSecret::Key(key.get_ref().clone()))
        }
        _ => {
            problems.at(
                Some(raw.name.span()),
                "auth.users: a user has either a password, which is not empty, or a key",
            );
            None
        }
    }
}

fn rest_secret(problems: &mut Problems<'_>, key: &str, span: Range<usize>, secret: &str) {
    if secret.len() < 16 {
        problems.at(
            Some(span),
            format!(
                "{key}: {} bytes can be guessed; write 16 at least, for example out of \
                 `openssl rand -hex 32`",
                secret.len()
            ),
        );
    }
}

fn oauth(problems: &mut Problems<'_>, raw: &raw::Oauth) -> Oauth {
    name(problems, "auth.oauth.server_name", &raw.server_name);
    let mut keys = Vec::new();
    for key in &raw.keys {
        let decoded = base64::engine::general_purpose::STANDARD.decode(key.key.get_ref().reveal());
        if decoded.map(|bytes| bytes.len()) != Ok(32) {
            problems.at(
                Some(key.key.span()),
                "auth.oauth.keys.key: 32 bytes in base64, as `openssl rand -base64 32` writes them",
            );
        }
        keys.push(OauthKey { id: key.id.get_ref().clone(), key: key.key.get_ref().clone() });
    }
    if keys.is_empty() {
        problems
            .at(Some(raw.server_name.span()), "auth.oauth.keys: none; no token could be opened");
    }
    Oauth { server_name: raw.server_name.get_ref().clone(), keys }
}

fn redis(problems: &mut Problems<'_>, raw: &raw::Redis) -> Redis {
    if let Err(error) = ::redis::Client::open(raw.url.get_ref().reveal()) {
        // The error names the kind of mistake, not the URL.
        problems.at(
            Some(raw.url.span()),
            format!(
                "auth.redis.url: {:?}; allowed: redis://user:password@host:port/database, \
                 unix:///path",
                error.kind()
            ),
        );
    }
    let (short, long) = (Duration::from_millis(10), Duration::from_secs(3600));
    Redis {
        url: raw.url.get_ref().clone(),
        prefix: raw.prefix.as_ref().map_or("turn:", |prefix| prefix.get_ref()).to_owned(),
        timeout: duration(
            problems,
            "auth.redis.timeout",
            raw.timeout.as_ref(),
            Duration::from_secs(2),
            short..=Duration::from_secs(30),
        ),
        cache: duration(
            problems,
            "auth.redis.cache",
            raw.cache.as_ref(),
            Duration::from_secs(30),
            Duration::ZERO..=long,
        ),
    }
}
