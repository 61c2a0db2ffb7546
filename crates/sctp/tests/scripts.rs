//! Scripted exchanges: one test per file in `scripts/`, see `antiphon_testkit::script`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    unreachable_pub,
    reason = "a failed expectation is a failed test"
)]

#[path = "scripts/codec.rs"]
mod codec;
#[path = "scripts/dialect.rs"]
mod dialect;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use antiphon_testkit::script;
use dialect::Sctp;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts")
}

fn play(group: &str, name: &str) {
    let folder = folder();
    let file = folder.join(group).join(format!("{name}.script"));
    let mut sctp = Sctp::new();
    let result = script::play(&mut sctp, &file, &folder.join("parts"));
    if let Some(corpus) = std::env::var_os("ANTIPHON_CORPUS") {
        sctp.leave_seeds(Path::new(&corpus), name);
    }
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

macro_rules! scripts {
    ($($group:ident { $($(#[$attribute:meta])* $name:ident,)* })*) => {
        $(mod $group { $(
            #[test]
            $(#[$attribute])*
            fn $name() {
                super::play(stringify!($group), stringify!($name));
            }
        )* })*

        /// Every script there is a test for.
        const LISTED: &[(&str, &str)] = &[$($((stringify!($group), stringify!($name)),)*)*];
    };
}

#[test]
fn every_script_is_listed() {
    let mut found = BTreeSet::new();
    for group in std::fs::read_dir(folder()).unwrap() {
        let group = group.unwrap().path();
        if !group.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&group).unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "script") {
                let part = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
                found.insert((part(&group), part(&file)));
            }
        }
    }
    let listed: BTreeSet<_> =
        LISTED.iter().map(|(group, name)| ((*group).to_owned(), (*name).to_owned())).collect();
    assert_eq!(found, listed);
}

scripts! {
    ack {
        a_chunk_reported_missing_is_sent_again_before_its_timer,
        a_gap_is_reported_at_once_and_until_it_is_filled,
        a_single_packet_waits_for_the_delay,
        acknowledging_what_was_never_sent_ends_the_association,
        an_abandoned_chunk_is_no_credit_for_the_window,
        an_acknowledgement_cut_short_is_ignored,
        an_acknowledgement_may_be_taken_back,
        an_acknowledgement_travels_with_data,
        an_old_acknowledgement_is_ignored,
        duplicates_are_reported_at_once,
        every_second_packet_is_acknowledged_at_once,
        senseless_gap_blocks_change_nothing,
        the_delay_is_never_more_than_half_a_second,
        the_first_data_is_acknowledged_at_once,
        the_immediate_bit_is_obeyed,
        the_last_chunk_for_now_asks_for_an_answer,
        two_chunks_in_one_packet_are_one_packet,
    }
    data {
        a_beginning_that_never_ends_is_never_delivered,
        a_large_message_is_cut_and_its_parts_are_consecutive,
        a_message_beyond_our_limit_ends_the_association,
        a_message_that_fits_a_packet_is_not_cut,
        a_stream_that_does_not_exist_is_reported_and_its_data_acknowledged,
        an_unordered_message_takes_no_sequence_number,
        data_waits_for_the_congestion_window_and_goes_on_with_the_acknowledgement,
        data_without_data_ends_the_association,
        duplicate_fragments_make_one_message,
        each_stream_has_its_own_numbers,
        fragments_in_any_order_make_a_message,
        fragments_in_order_make_a_message,
        messages_of_a_stream_arrive_in_order,
        payloads_are_padded_to_four_bytes,
        several_chunks_in_a_packet_are_taken_in_order,
        small_messages_share_a_packet,
        streams_do_not_wait_for_each_other,
        the_protocol_identifier_travels_untouched,
        unordered_fragments_make_a_message,
        unordered_messages_do_not_wait,
        what_cannot_be_sent_is_refused,
    }
    errors {
        a_report_of_a_large_chunk_is_cut,
        a_reset_that_was_never_agreed_on_ends_the_association,
        errors_from_the_peer_are_no_reason_to_answer,
        filling_is_ignored,
        forward_tsn_that_was_never_agreed_on_ends_the_association,
        known_chunks_that_are_too_short_end_the_packet,
        unknown_chunks_are_treated_as_their_bits_say,
    }
    failure {
        a_repeated_chunk_measures_nothing,
        after_a_timeout_one_packet_is_in_flight,
        an_acknowledgement_ends_the_back_off,
        data_sent_for_the_last_time_is_not_probed,
        the_timeout_follows_the_formulas,
        the_timeout_is_bounded_from_above,
        unanswered_data_is_repeated_at_doubled_pauses_and_given_up,
    }
    forward {
        a_message_is_given_up_when_its_time_is_over,
        a_message_that_never_went_out_needs_no_word,
        a_peer_that_cannot_is_sent_everything,
        a_timed_message_is_like_any_other_while_it_lasts,
        all_fragments_of_a_message_are_given_up_together,
        an_old_one_is_answered_by_a_sack,
        an_unordered_message_is_not_listed,
        half_a_message_is_dropped,
        ours_is_repeated_until_it_is_acknowledged,
        ours_tells_of_a_message_given_up,
        the_cumulative_number_moves_and_what_waited_is_delivered,
        the_last_of_its_retransmissions_is_its_last,
        the_stream_goes_on_behind_what_was_skipped,
    }
    heartbeat {
        an_answer_clears_the_count,
        an_idle_path_is_asked_and_the_answer_measured,
        an_unknown_parameter_in_it_comes_back_too,
        answers_nobody_waits_for_are_ignored,
        it_is_answered_before_data_and_in_one_packet,
        it_is_answered_while_our_cookie_is_under_way,
        it_is_answered_with_what_it_brought,
        none_is_answered_before_that,
        none_is_answered_in_shutdown_sent,
        none_is_sent_while_data_is_in_flight,
        unanswered_ones_end_the_association,
    }
    interleaved {
        a_reset_starts_both_numbers_anew,
        forward_tsn_of_the_other_kind_ends_the_association,
        fragments_count_from_the_first,
        fragments_of_two_messages_mix,
        i_data_that_was_never_agreed_on_ends_the_association,
        messages_have_numbers_of_their_own,
        order_is_kept_by_message_number,
        ours_tells_of_messages_given_up,
        plain_data_ends_the_association,
        what_was_skipped_is_skipped_by_message_number,
    }
    outside {
        a_chunk_beyond_the_packet_is_dropped_with_the_rest,
        a_chunk_shorter_than_its_header_is_dropped_with_the_rest,
        a_fresh_association_is_silent_about_what_it_does_not_know,
        a_late_shutdown_ack_is_answered_by_shutdown_complete,
        a_packet_after_our_abort_is_answered_by_abort,
        a_shutdown_ack_during_setup_is_answered_by_shutdown_complete,
        a_shutdown_complete_out_of_turn_is_ignored,
        a_wrong_checksum_is_dropped,
        an_abort_is_taken_by_either_tag_rule,
        packets_between_other_ports_are_dropped,
        packets_with_another_tag_are_dropped,
        truncated_packets_are_dropped,
    }
    reset {
        a_denial_reaches_the_application_and_numbers_go_on,
        a_peer_without_the_extension_is_not_asked,
        a_repeated_request_gets_the_same_answer,
        a_request_out_of_sequence_is_refused,
        a_stream_that_does_not_exist_is_refused,
        all_streams_can_be_reset_at_once,
        an_answer_to_another_request_is_ignored,
        everything_numbers_at_once_is_denied,
        in_progress_is_asked_again_and_is_no_error,
        more_streams_than_sixteen_bits_are_refused,
        one_request_is_under_way_at_a_time,
        ours_goes_on_after_a_denied_number,
        ours_is_asked_for_and_performed,
        ours_is_repeated_with_the_same_number,
        ours_unanswered_ends_the_association,
        ours_waits_for_what_is_queued,
        the_peer_adds_streams,
        the_peer_asks_for_ours_and_gets_our_request,
        the_peer_wants_us_to_add_streams,
        the_peers_is_in_progress_until_data_has_come,
        the_peers_is_performed,
        the_peers_is_told_after_what_came_before_it,
        the_peers_waits_for_missing_data,
        two_requests_get_two_answers_in_one_chunk,
        we_ask_the_peer_to_reset_its_streams,
    }
    setup {
        a_cookie_is_good_once_more_for_the_same_association,
        a_cookie_past_its_life_opens_nothing,
        a_host_name_is_refused,
        a_peer_that_restarts_gets_a_new_association,
        a_second_init_ack_is_ignored,
        a_stale_cookie_is_answered_by_its_staleness,
        aborting_an_attempt_ends_it,
        addresses_and_other_known_parameters_are_not_reported,
        an_abort_ends_cookie_echoed,
        an_abort_ends_cookie_wait,
        an_answer_after_a_repetition_measures_nothing,
        an_init_ack_with_a_host_name_is_refused,
        an_init_ack_with_another_tag_is_dropped,
        an_init_ack_with_too_small_a_window_is_dropped,
        an_init_ack_without_a_tag_ends_the_attempt,
        an_init_ack_without_cookie_ends_the_attempt,
        an_init_in_cookie_echoed_is_answered_with_the_same_tag,
        an_init_is_answered_without_keeping_anything,
        an_init_must_be_alone_and_have_tag_zero,
        an_init_with_our_peers_tag_restarts_nothing,
        an_init_with_too_small_a_window_is_refused,
        an_init_without_a_tag_is_ignored,
        an_init_without_streams_is_refused,
        both_sides_connect_at_once,
        cookie_echo_is_repeated_and_given_up,
        data_before_cookie_ack_is_dropped,
        data_behind_cookie_ack_is_taken,
        data_behind_cookie_echo_is_taken,
        forged_cookies_are_dropped_in_silence,
        init_is_repeated_at_doubled_pauses_and_given_up,
        nothing_can_be_sent_before_the_association_is_up,
        our_init_announces_what_we_can,
        streams_are_the_smaller_of_both_sides,
        the_largest_numbers_are_numbers,
        the_peer_connects_in_four_packets,
        unknown_parameters_are_treated_as_their_bits_say,
        unknown_parameters_of_an_init_ack_are_reported_with_an_error,
        we_connect_in_four_packets,
        we_start_again_when_our_cookie_was_stale,
    }
    shutdown {
        a_gap_in_shutdown_sent_needs_a_sack_too,
        a_repeated_shutdown_is_answered_again,
        a_restart_during_shutdown_ack_sent_is_refused,
        a_shutdown_ack_without_shutdown_is_ignored,
        a_shutdown_complete_too_early_is_ignored,
        a_shutdown_that_acknowledges_the_unsent_ends_in_abort,
        abort_ends_at_once,
        an_abort_with_any_cause_ends_the_association,
        an_init_in_shutdown_ack_sent_is_answered_by_shutdown_ack,
        both_sides_shut_down_at_once,
        data_after_the_peers_shutdown_is_dropped,
        data_in_shutdown_sent_is_answered_by_shutdown,
        data_is_taken_while_ours_is_pending,
        it_takes_no_gap_back,
        ours_runs_to_its_end,
        shutdown_ack_is_repeated_and_given_up,
        shutdown_is_repeated_and_given_up,
        shutting_down_twice_is_shutting_down,
        the_guard_ends_a_shutdown_that_takes_too_long,
        the_peers_runs_to_its_end,
        what_is_outstanding_is_delivered_before_shutdown_ack,
        what_is_outstanding_is_delivered_first,
    }
    window {
        a_full_buffer_is_a_closed_window_and_takes_nothing_new,
        a_shutdown_waits_behind_a_closed_window,
        an_announcement_opens_it_at_once,
        nothing_is_sent_into_a_closed_window_but_probes,
        ours_shrinks_by_what_is_not_taken_and_is_announced_again,
        what_does_not_fit_waits,
    }
    wrap {
        our_numbers_pass_zero,
        request_numbers_pass_zero,
        sequence_numbers_of_a_stream_pass_zero,
        the_peers_numbers_pass_zero,
    }
    zero {
        a_peer_that_does_not_take_them_is_sent_checksums,
        another_method_is_none_of_ours,
        answers_outside_an_association_have_checksums,
        checksums_are_left_out_once_both_have_said_so,
        init_and_cookie_echo_have_checksums,
        without_our_word_they_are_refused,
    }
}
