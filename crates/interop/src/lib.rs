//! antiphon against browsers and other stacks.
