//! What every provider must do, as tests: a provider's crate includes this folder and calls
//! [`provider_suite!`] with its provider.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::panic,
    reason = "a failed expectation is a failed test"
)]

pub mod certificates;
pub mod ciphers;
mod der;
pub mod exchange;
pub mod hashes;
pub mod signatures;
pub mod wycheproof;

/// One `#[test]` for each behaviour. `$provider` is evaluated in another module: write its full path.
macro_rules! provider_suite {
    ($provider:expr) => {
        crate::suite::provider_suite! { @ $provider;
            hashes: hmac_gives_the_tags_of_the_rfcs, hashes_give_the_digests_of_abc,
                a_running_hash_goes_on_after_a_look_at_it, hkdf_gives_the_keys_of_rfc_5869,
                hkdf_gives_at_most_255_digests;
            ciphers: aeads_give_the_bytes_of_the_specifications, aeads_refuse_every_changed_bit,
                counter_mode_gives_the_bytes_of_the_specification,
                the_counter_carries_over_all_128_bits, keys_of_the_wrong_length_are_refused,
                what_is_sealed_opens, masks_are_those_of_the_specifications,
                the_last_block_of_chacha20_has_a_mask;
            exchange: two_sides_agree_in_every_group, shares_have_the_length_of_their_group,
                key_pairs_differ, shares_that_are_no_point_are_refused,
                shares_of_small_order_are_refused, hybrid_shares_of_the_wrong_form_are_refused,
                a_forged_ciphertext_gives_another_secret, groups_tell_the_truth;
            signatures: every_scheme_signs_and_verifies, broken_signatures_are_invalid,
                a_scheme_that_does_not_go_with_the_key_is_a_mismatch,
                tls_1_2_takes_any_curve_with_any_hash, schemes_tell_the_truth,
                salts_of_pss_are_as_long_as_the_digest;
            certificates: our_certificate_says_what_it_was_asked_to_say,
                serial_numbers_and_keys_differ, rsa_keys_have_the_exponent_of_w3c,
                lifetimes_from_a_second_to_a_year_are_possible,
                a_clock_beyond_the_calendar_is_an_error, keys_we_cannot_make_are_refused,
                a_certificate_of_openssl_verifies_its_signature, fingerprints_are_those_of_openssl,
                keys_of_every_kind_are_told_apart, keys_that_are_not_taken_are_unsupported,
                rsa_keys_of_strange_numbers_are_unsupported,
                truncated_or_padded_certificates_are_malformed, a_point_off_the_curve_is_no_key,
                a_huge_certificate_is_refused_unread, an_identity_can_be_kept,
                an_identity_of_openssl_can_be_taken_up, identities_that_do_not_fit_are_refused,
                nothing_secret_is_shown, no_bytes_make_reading_panic;
            wycheproof: aes_gcm, chacha20_poly1305, hmac, hkdf, ecdsa, ed25519, rsa_pkcs1, rsa_pss,
                ecdh, x25519, ml_kem_encapsulation;
        }
    };
    (@ $provider:expr; $($module:ident: $($test:ident),+;)+) => {
        $(mod $module {
            $(#[test]
            fn $test() {
                crate::suite::$module::$test(&$provider);
            })+
        })+
    };
}
pub(crate) use provider_suite;

/// Reads hexadecimal digits; spaces are for the eye.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
        .collect()
}

/// The same into an array.
pub fn hex_array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().unwrap()
}
