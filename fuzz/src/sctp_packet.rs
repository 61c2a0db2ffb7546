//! Chunks of any content, with the right tag and no need for a checksum, for an association that is
//! up; the INIT of a signalled association; the bytes of one that was handed over.

use antiphon_sctp::{Association, Config};

/// Runs the target over `data`. The first byte chooses options.
pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let now = antiphon_testkit::start();
    let mut config = Config::default();
    // Numbers without 0xFF in them, which would end a packet.
    config.initial_tsn = Some(1000);
    config.interleaving = choice & 1 != 0;
    config.zero_checksum = true;
    config.packet_ceiling = if choice & 2 != 0 { 1400 } else { 0 };
    config.receive_buffer = 20_000;
    config.max_receive_message_size = 20_000;
    drop(Association::import(config, [3; 32], now, rest));
    let mut end = Association::new(config, [1; 32], now);
    let own = end.snap_init();
    config.initial_tsn = Some(5000);
    let mut other = Association::new(config, [2; 32], now);
    let peer = other.snap_init();
    if choice & 4 != 0 {
        let _ = end.connect_snap(now, rest);
        return;
    }
    assert!(end.connect_snap(now, &peer).is_ok(), "a sound INIT");
    // Our tag stands in our INIT, after four bytes of chunk header.
    let mut packet = vec![0x13, 0x88, 0x13, 0x88];
    packet.extend(own.get(4..8).unwrap_or(&[]));
    packet.extend([0; 4]);
    let mut buf = [0; 1500];
    // 0xFF ends a packet.
    for chunks in rest.split(|byte| *byte == 0xFF) {
        packet.truncate(12);
        packet.extend(chunks);
        let _ = end.handle_input(now, &packet);
        while let Ok(Some(_)) = end.poll_output(now, &mut buf) {}
        while end.recv().is_some() {}
        while end.poll_event().is_some() {}
    }
}
