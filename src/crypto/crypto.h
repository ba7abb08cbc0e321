/* crypto/crypto.h - where libcrypto comes in.
 *
 * Digests, HMAC, authenticated encryption, random bytes and the comparison of secrets
 * will each have a header and a file in this folder, and only those files include
 * OpenSSL's headers (tools/floors sees to it). Nothing of it is written by ourselves,
 * so there is nothing here before the first user comes. It knows no HTTP, no sockets
 * and no Lua.
 */
#ifndef CRO_CRYPTO_CRYPTO_H
#define CRO_CRYPTO_CRYPTO_H
#endif
