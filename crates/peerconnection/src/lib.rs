//! A WebRTC peer connection as a sans-IO machine: JSEP, transports, tracks, data channels.
