//! The same with other implementations: rtc-srtp in this process, libsrtp in a program of its own.
//! str0m's SRTP cannot be called from outside.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use antiphon_benches::{Peer, Table, Unit, consume, interleaved, report};
use antiphon_crypto::CryptoProvider;
use antiphon_srtp::{Config, Profile};
use bytes::BytesMut;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;

use crate::subject::{KEY, Ours, Packet, SALT};

/// Ours with the fast provider, as theirs use native code, too.
pub(crate) fn compare(
    table: &mut Table,
    provider: &dyn CryptoProvider,
    profile: Profile,
    name: &str,
    payload: usize,
) {
    let make = || Ours::new(provider, profile, &Config::default());
    let (Some(mut one), Some(mut two)) = (make(), make()) else { return };
    let (Some(mut rtc_one), Some(mut rtc_two), Some(mut rtc_three)) =
        (context(profile), context(profile), context(profile))
    else {
        return;
    };
    let mut packets = [(); 4].map(|()| Packet::new(payload));
    let [first, second, third, fourth] = &mut packets;
    let times = interleaved(&mut [
        &mut || consume(one.protect(first)),
        &mut || consume(protect(&mut rtc_one, second)),
        &mut || two.round_trip(third),
        &mut || round_trip(&mut rtc_two, &mut rtc_three, fourth),
    ]);
    let libsrtp = libsrtp(profile, payload);
    for (at, (what, pair)) in
        ["protect", "protect and unprotect"].into_iter().zip(times.chunks(2)).enumerate()
    {
        if let [ours, theirs] = pair {
            let mut peers = vec![Peer::new("rtc-srtp (ring)", "0.21", *theirs)];
            let libsrtp = libsrtp.as_ref().and_then(|(version, times)| {
                times.get(at).map(|time| Peer::new("libsrtp", version, *time))
            });
            peers.extend(libsrtp);
            table.compare(&format!("{what} {name}"), *ours, Unit::Nanoseconds, peers, 1.0);
        }
    }
}

fn context(profile: Profile) -> Option<Context> {
    let theirs = if profile == Profile::AeadAes128Gcm {
        ProtectionProfile::AeadAes128Gcm
    } else {
        ProtectionProfile::Aes128CmHmacSha1_80
    };
    let salt = SALT.get(..profile.salt_len())?;
    let provider = rtc_srtp::crypto::default_provider().ok()?;
    Context::new(&KEY, salt, theirs, None, None, provider.crypto()).ok()
}

fn protect(context: &mut Context, packet: &mut Packet) -> BytesMut {
    let protected = context.encrypt_rtp(black_box(packet.next_plain()));
    assert!(protected.is_ok(), "the peer protects it");
    protected.unwrap_or_default()
}

fn round_trip(sender: &mut Context, receiver: &mut Context, packet: &mut Packet) {
    let protected = protect(sender, packet);
    let plain = receiver.decrypt_rtp(black_box(&protected));
    assert!(plain.is_ok_and(|plain| plain.len() == packet.len()), "the peer reads it");
}

/// libsrtp's version, and nanoseconds for protect, and for protect and unprotect; `None` where it
/// cannot be built.
fn libsrtp(profile: Profile, payload: usize) -> Option<(String, Vec<f64>)> {
    if !Path::new("/usr/include/srtp2/srtp.h").exists() {
        report("libsrtp is not here: apt-get install libsrtp2-dev");
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/srtp/libsrtp.c");
    let program = std::env::temp_dir().join(format!("libsrtp-bench-{}", std::process::id()));
    let mut build = Command::new("cc");
    build.args(["-O2", "-o"]).arg(&program).arg(source).arg("-lsrtp2");
    if !build.status().is_ok_and(|status| status.success()) {
        report("libsrtp's program was not built");
        return None;
    }
    let name = if profile == Profile::AeadAes128Gcm { "gcm128" } else { "cm128" };
    let output = Command::new(&program).args([name, &payload.to_string()]).output();
    let _ = std::fs::remove_file(&program);
    let output = String::from_utf8(output.ok()?.stdout).ok()?;
    let mut words = output.split_whitespace();
    let version = words.next()?.to_owned();
    Some((version, words.filter_map(|word| word.parse().ok()).collect()))
}
