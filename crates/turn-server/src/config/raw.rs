//! The file as it is written; `check` makes a [`Config`](super::Config) of it.

use serde::Deserialize;
use toml::Spanned;

use super::value::Hidden;

pub(super) type Text = Spanned<String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) realm: Text,
    #[serde(default)]
    pub(super) software: Option<Text>,
    #[serde(default)]
    pub(super) shards: Option<Spanned<usize>>,
    #[serde(default)]
    pub(super) listen: Vec<Listen>,
    pub(super) relay: Relay,
    #[serde(default)]
    pub(super) discovery: Option<Discovery>,
    #[serde(default)]
    pub(super) peers: Peers,
    #[serde(default)]
    pub(super) tls: Option<Tls>,
    #[serde(default)]
    pub(super) auth: Auth,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) metrics: Option<Metrics>,
    #[serde(default)]
    pub(super) log: Log,
    #[serde(default)]
    pub(super) drain: Drain,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listen {
    pub(super) transport: Text,
    pub(super) address: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Relay {
    pub(super) addresses: Spanned<Vec<Text>>,
    #[serde(default)]
    pub(super) ports: Option<Text>,
    #[serde(default)]
    pub(super) tcp: bool,
    #[serde(default)]
    pub(super) mobility: bool,
    #[serde(default)]
    pub(super) wide_channels: bool,
    #[serde(default)]
    pub(super) port_rest: Option<Text>,
    #[serde(default)]
    pub(super) socket_buffer_bytes: Option<Spanned<usize>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Discovery {
    pub(super) addresses: Spanned<Vec<Text>>,
    pub(super) ports: Spanned<[u16; 2]>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Peers {
    #[serde(default)]
    pub(super) allow: Vec<Text>,
    #[serde(default)]
    pub(super) deny: Vec<Text>,
    #[serde(default)]
    pub(super) relay_to_relay: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) certificate: Text,
    pub(super) key: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Auth {
    #[serde(default)]
    pub(super) users: Vec<User>,
    #[serde(default)]
    pub(super) rest_secrets: Vec<Spanned<Hidden>>,
    #[serde(default)]
    pub(super) rest_secret_files: Vec<Text>,
    #[serde(default)]
    pub(super) oauth: Option<Oauth>,
    #[serde(default)]
    pub(super) redis: Option<Redis>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    pub(super) name: Text,
    #[serde(default)]
    pub(super) password: Option<Spanned<Hidden>>,
    #[serde(default)]
    pub(super) key: Option<Spanned<Hidden>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Oauth {
    pub(super) server_name: Text,
    #[serde(default)]
    pub(super) keys: Vec<OauthKey>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OauthKey {
    pub(super) id: Text,
    pub(super) key: Spanned<Hidden>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Redis {
    pub(super) url: Spanned<Hidden>,
    #[serde(default)]
    pub(super) prefix: Option<Text>,
    #[serde(default)]
    pub(super) timeout: Option<Text>,
    #[serde(default)]
    pub(super) cache: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) allocations: Option<Spanned<usize>>,
    pub(super) allocations_per_user: Option<Spanned<usize>>,
    pub(super) bandwidth_kbit_per_second: Option<Spanned<u64>>,
    pub(super) lifetime: Option<Text>,
    pub(super) unauthenticated_per_second: Option<Spanned<u32>>,
    pub(super) connections: Option<Spanned<usize>>,
    pub(super) connections_per_address: Option<Spanned<usize>>,
    pub(super) idle: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metrics {
    pub(super) listen: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    pub(super) format: Option<Text>,
    pub(super) level: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Drain {
    pub(super) limit: Option<Text>,
    #[serde(default)]
    pub(super) alternate: Vec<Text>,
    #[serde(default)]
    pub(super) redirect: Option<bool>,
}
