//! Which images are taken: PNG or JPEG, at least 167 pixels high, at most 2 MB (Order Management
//! guide, "Images").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const MOST: usize = 2 * 1024 * 1024;
const LEAST_HEIGHT: u32 = 167;

/// Says what is wrong with an image in Base64, if anything.
pub(super) fn check(src: &str) -> Result<(), String> {
    let bytes = STANDARD
        .decode(src)
        .map_err(|_| "is not Base64".to_owned())?;
    if bytes.len() > MOST {
        return Err(format!("has {} bytes; 2 MB is the most", bytes.len()));
    }
    let height = png_height(&bytes)
        .or_else(|| jpeg_height(&bytes))
        .ok_or("is neither a PNG nor a JPEG")?;
    if height < LEAST_HEIGHT {
        return Err(format!(
            "is {height} pixels high; {LEAST_HEIGHT} is the least"
        ));
    }
    Ok(())
}

/// The height in a PNG's first chunk (PNG specification, `IHDR`).
fn png_height(bytes: &[u8]) -> Option<u32> {
    let rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    (rest.get(4..8)? == b"IHDR").then_some(())?;
    Some(u32::from_be_bytes(rest.get(12..16)?.try_into().ok()?))
}

/// The height in a JPEG's frame header (ITU-T T.81, annex B).
fn jpeg_height(bytes: &[u8]) -> Option<u32> {
    let mut rest = bytes.strip_prefix(b"\xff\xd8")?;
    loop {
        let [0xff, marker, ..] = *rest else {
            return None;
        };
        match marker {
            // Fill bytes before a marker.
            0xff => rest = rest.get(1..)?,
            // Of the frames' markers three are something else.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let height = rest.get(5..7)?.try_into().ok()?;
                return Some(u32::from(u16::from_be_bytes(height)));
            }
            // Markers without a segment.
            0x01 | 0xd0..=0xd7 => rest = rest.get(2..)?,
            // The picture's data, or its end: no frame came before.
            0xd9 | 0xda => return None,
            _ => {
                let length = u16::from_be_bytes(rest.get(2..4)?.try_into().ok()?);
                rest = rest.get(2 + usize::from(length)..)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn png(height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\xc8".to_vec();
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 2, 0, 0, 0]);
        bytes
    }

    fn jpeg(height: u16) -> Vec<u8> {
        let mut bytes = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec();
        bytes.extend(b"\xff\xff\xc4\0\x03\0\xff\xc2\0\x11\x08");
        bytes.extend(height.to_be_bytes());
        bytes
    }

    #[test]
    fn heights() {
        assert_eq!(png_height(&png(200)), Some(200));
        assert_eq!(jpeg_height(&jpeg(300)), Some(300));
        assert_eq!(jpeg_height(b"\xff\xd8\xff\xda\0\x02"), None);
        assert_eq!(png_height(b"\x89PNG\r\n\x1a\n"), None);
    }

    #[test]
    fn what_is_taken() {
        for good in [png(167), jpeg(167)] {
            assert_eq!(check(&STANDARD.encode(good)), Ok(()));
        }
        let mut large = png(200);
        large.resize(MOST + 1, 0);
        for bad in [png(166), jpeg(166), b"GIF89a".to_vec(), large] {
            assert!(check(&STANDARD.encode(bad)).is_err());
        }
        assert!(check("not base64!").is_err());
    }

    proptest! {
        #[test]
        fn no_image_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = check(&STANDARD.encode(&bytes));
            let _ = jpeg_height(&[b"\xff\xd8", bytes.as_slice()].concat());
        }
    }
}
