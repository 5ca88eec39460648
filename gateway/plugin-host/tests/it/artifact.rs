//! Precompiled code is believed only under our seal.

use std::slice::from_ref;

use scimgate_plugin_host::{Error, Key, Outcome};

use crate::support::{HOST, TUTORIAL, TestDocument, context, patient, user};

#[test]
fn loads_what_it_wrote_and_runs_it() {
    let (old, new) = (Key::new([1; 32]), Key::new([2; 32]));
    let artifact = TUTORIAL.precompile(&old).unwrap();
    let component = HOST.load_precompiled(&artifact, &[new, old]).unwrap();
    assert_eq!(component.digest(), TUTORIAL.digest());
    assert_eq!(component.manifest(), TUTORIAL.manifest());
    let result = HOST.run(&component, &context(), "", TestDocument::new(user()), &patient());
    assert_eq!(result.outcome, Ok(Outcome::Mapped));
}

#[test]
fn refuses_one_flipped_bit_anywhere_and_another_key() {
    let key = Key::new([1; 32]);
    let artifact = TUTORIAL.precompile(&key).unwrap();
    for place in [0, 8, 39, 40, 72, 80, artifact.len() / 2, artifact.len() - 1] {
        let mut damaged = artifact.clone();
        damaged[place] ^= 1;
        assert!(matches!(HOST.load_precompiled(&damaged, from_ref(&key)), Err(Error::Artifact)), "byte {place}");
    }
    for length in [0, 8, 39, 40, 75, artifact.len() - 1] {
        assert!(matches!(HOST.load_precompiled(&artifact[..length], from_ref(&key)), Err(Error::Artifact)));
    }
    assert!(matches!(HOST.load_precompiled(&artifact, &[Key::new([3; 32])]), Err(Error::Artifact)));
    assert!(matches!(HOST.load_precompiled(&artifact, &[]), Err(Error::Artifact)));
}
