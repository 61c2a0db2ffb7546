#![allow(warnings)]
use std::time::*;
#[test]
fn hammer() {
    let mut r = antiphon_testkit::Random::new(Instant::now().elapsed().as_nanos() as u64 ^ 77);
    let end = Instant::now() + Duration::from_secs(15);
    let mut n = 0u64;
    let seeds: Vec<Vec<u8>> = std::fs::read_dir("corpus/ice_agent").unwrap().map(|e| std::fs::read(e.unwrap().path()).unwrap()).collect();
    let out = std::path::Path::new("/tmp/antiphon-ice-crash.bin");
    while Instant::now() < end {
        let mut d = Vec::new();
        if r.chance(0.5) {
            for _ in 0..1 + r.index(4) { d.extend(&seeds[r.index(seeds.len())]); }
            for _ in 0..r.index(20) { let i = r.index(d.len()); d[i] = r.next_u64() as u8; }
        } else {
            let len = r.index(600); d = r.bytes(len);
            for i in 0..d.len() { if r.chance(0.5) { d[i] %= 16; } }
        }
        std::fs::write(out, &d).ok().filter(|_| n % 1 == 0);
        antiphon_fuzz::ice_agent::run(&d);
        n += 1;
    }
    println!("{n} runs");
}
