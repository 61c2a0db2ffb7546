//! SRTP: protect a packet, and protect it and take it off again, beside the bare ciphers that do
//! the work, beside other implementations, and with ten thousand sources.

#[cfg(feature = "peers")]
#[path = "../srtp/peers.rs"]
mod peers;
#[path = "../srtp/subject.rs"]
mod subject;

use std::process::ExitCode;

use antiphon_benches::{Peer, Row, Table, Unit, consume, interleaved};
use antiphon_crypto::CryptoProvider;
use antiphon_crypto_aws_lc::AwsLc;
use antiphon_crypto_rust::RustCrypto;
use antiphon_srtp::{Config, Cryptex, Profile};
use antiphon_testkit::alloc;
use subject::{Bare, Ours, Packet, Sources};

antiphon_testkit::install_counting_allocator!();

/// Bytes of a payload: full video packets and audio packets.
const SIZES: [usize; 2] = [1_200, 160];

/// At most so many nanoseconds for a full packet with the profile that everybody has.
const CM_LIMIT: f64 = 950.0;

/// How many sources a busy forwarder has, and how much more a packet may cost with them.
const SOURCES: u32 = 10_000;
const SOURCES_SHARE: f64 = 1.0 / 1.3;

/// Packets in a batch.
const BATCH: u16 = 32;

/// A provider, and how much of the time of protection its bare cipher takes at least.
struct Candidate {
    provider: Box<dyn CryptoProvider>,
    name: &'static str,
    bare_share: f64,
}

fn candidates() -> [Candidate; 2] {
    [
        Candidate { provider: Box::new(AwsLc::new()), name: "aws-lc", bare_share: 1.0 / 1.15 },
        Candidate {
            provider: Box::new(RustCrypto::new()),
            name: "RustCrypto",
            bare_share: 1.0 / 1.1,
        },
    ]
}

const PROFILES: [(Profile, &str); 2] =
    [(Profile::AeadAes128Gcm, "GCM-128"), (Profile::AesCm128HmacSha1_80, "SHA1-80")];

/// Protection beside its bare cipher, with the same provider.
fn beside_bare(table: &mut Table, candidate: &Candidate, profile: Profile, name: &str) {
    for payload in SIZES {
        let provider = &*candidate.provider;
        let make = || Ours::new(provider, profile, &Config::default());
        let (Some(mut one), Some(mut two)) = (make(), make()) else { return };
        let Some(bare) = Bare::new(provider, profile) else { return };
        let mut packets = [(); 4].map(|()| Packet::new(payload));
        let [first, second, third, fourth] = &mut packets;
        let times = interleaved(&mut [
            &mut || consume(one.protect(first)),
            &mut || bare.seal(second),
            &mut || two.round_trip(third),
            &mut || bare.seal_and_open(fourth),
        ]);
        // The bar is for full packets; on small ones the fixed part of a packet shows.
        let bar = if payload == SIZES[0] { candidate.bare_share } else { 0.0 };
        for (what, pair) in ["protect", "protect and unprotect"].into_iter().zip(times.chunks(2)) {
            if let [ours, cipher] = pair {
                let name = format!("{what} {name} {payload} B, {}", candidate.name);
                let peer = Peer::new("bare cipher", "same provider", *cipher);
                table.push(Row::against(&name, *ours, Unit::Nanoseconds, peer, bar));
                if name.starts_with("protect SHA1-80 1200 B, RustCrypto") {
                    table.push(Row::within(&name, *ours, Unit::Nanoseconds, CM_LIMIT));
                }
            }
        }
    }
}

/// One source, and ten thousand.
fn many_sources(table: &mut Table, candidate: &Candidate) {
    let mut config = Config::default();
    config.max_streams = usize::try_from(SOURCES).unwrap_or(usize::MAX);
    let provider = &*candidate.provider;
    let make = || Ours::new(provider, Profile::AeadAes128Gcm, &config);
    let (Some(mut one), Some(mut many)) = (make(), make()) else { return };
    let (mut first, mut second) = (Sources::new(1, SIZES[0]), Sources::new(SOURCES, SIZES[0]));
    for _ in 0..SOURCES {
        many.round_trip_of(second.next());
    }
    let times = interleaved(&mut [&mut || one.round_trip_of(first.next()), &mut || {
        many.round_trip_of(second.next());
    }]);
    if let [one, many] = times.as_slice() {
        let name = format!("protect and unprotect, {SOURCES} SSRCs, {}", candidate.name);
        let peer = Peer::new("one SSRC", "ours", *one);
        table.push(Row::against(&name, *many, Unit::Nanoseconds, peer, SOURCES_SHARE));
    }
}

/// Several packets in one call, beside as many calls; per packet.
fn batches(table: &mut Table, candidate: &Candidate) {
    let provider = &*candidate.provider;
    let make = || Ours::new(provider, Profile::AesCm128HmacSha1_80, &Config::default());
    let (Some(mut one), Some(mut two)) = (make(), make()) else { return };
    let mut buffers: Vec<Packet> = (0..BATCH).map(|_| Packet::new(SIZES[0])).collect();
    let mut others = buffers.clone();
    let (mut first, mut second) = (0, 0);
    let times = interleaved(&mut [
        &mut || {
            for packet in &mut buffers {
                first = packet.number(first);
            }
            consume(one.protect_batch(&mut buffers));
        },
        &mut || {
            for packet in &mut others {
                second = packet.number(second);
                consume(two.protect_numbered(packet));
            }
        },
    ]);
    if let [batch, single] = times.as_slice() {
        let name = format!("protect SHA1-80 1200 B in batches of {BATCH}, {}", candidate.name);
        let each = f64::from(BATCH);
        let peer = Peer::new("one by one", "ours", single / each);
        table.push(Row::against(&name, batch / each, Unit::Nanoseconds, peer, 0.0));
    }
}

/// What cryptex and encrypted elements add, with a header extension of one word.
fn options(table: &mut Table, candidate: &Candidate) {
    let (plain, mut cryptex, mut elements) =
        (Config::default(), Config::default(), Config::default());
    cryptex.cryptex = Cryptex::On;
    elements.encrypted_extensions = Some([1].into_iter().collect());
    let provider = &*candidate.provider;
    let make = |config| Ours::new(provider, Profile::AeadAes128Gcm, config);
    let (Some(mut plain), Some(mut cryptex), Some(mut elements)) =
        (make(&plain), make(&cryptex), make(&elements))
    else {
        return;
    };
    let mut packets = [(); 3].map(|()| Packet::with_extension(SIZES[0]));
    let [first, second, third] = &mut packets;
    let times = interleaved(&mut [
        &mut || consume(plain.protect(first)),
        &mut || consume(cryptex.protect(second)),
        &mut || consume(elements.protect(third)),
    ]);
    if let [plain, cryptex, elements] = times.as_slice() {
        for (what, time) in [("cryptex", cryptex), ("an encrypted element", elements)] {
            let name = format!("protect GCM-128 1200 B with {what}, {}", candidate.name);
            let peer = Peer::new("without", "ours", *plain);
            table.push(Row::against(&name, *time, Unit::Nanoseconds, peer, 0.0));
        }
    }
}

/// Allocations of a thousand packets, once their source is known.
fn allocations(table: &mut Table, candidate: &Candidate) {
    for (profile, name) in PROFILES {
        let ours = Ours::new(&*candidate.provider, profile, &Config::default());
        let Some(mut ours) = ours else { continue };
        let mut packet = Packet::new(SIZES[0]);
        ours.round_trip(&mut packet);
        let count = alloc::count(|| (0..1_000).for_each(|_| ours.round_trip(&mut packet)));
        let name = format!("1000 x protect and unprotect {name}, {}", candidate.name);
        let count = u32::try_from(count).map_or(f64::INFINITY, f64::from);
        table.push(Row::within(&name, count, Unit::Allocations, 0.0));
    }
}

fn main() -> ExitCode {
    let mut table = Table::new("srtp");
    for candidate in candidates() {
        for (profile, name) in PROFILES {
            beside_bare(&mut table, &candidate, profile, name);
        }
        many_sources(&mut table, &candidate);
        batches(&mut table, &candidate);
        options(&mut table, &candidate);
        allocations(&mut table, &candidate);
    }
    #[cfg(feature = "peers")]
    for (profile, name) in PROFILES {
        for payload in SIZES {
            peers::compare(
                &mut table,
                &AwsLc::new(),
                profile,
                &format!("{name} {payload} B"),
                payload,
            );
        }
    }
    table.finish()
}
