/** The CRC-32C of a text or of bytes, bit by bit. Source: RFC 3720 appendix B.4. */
export function crc32c(input) {
  let crc = 0xffffffff;
  for (const byte of Buffer.from(input)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; ++bit) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
