//! antiphon's command line: a demo that a browser calls.
