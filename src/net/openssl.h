/* net/openssl.h - OpenSSL, loaded when the first TLS context is made.
 *
 * A program that speaks no TLS does not pay for it: linked, the two libraries cost
 * every start 2 ms and 1.7 MiB. So net_openssl_load opens libssl and looks up each
 * function named here, and the names stand for the pointers. A function that is used
 * and missing from the list fails to link.
 *
 * Everything of net that uses OpenSSL includes this and none of OpenSSL's own headers.
 * What is linked with the libraries anyway (C tests) defines CRO_OPENSSL_LINKED and
 * means the functions themselves.
 */
#ifndef CRO_NET_OPENSSL_H
#define CRO_NET_OPENSSL_H

#include <stddef.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

/* 0, or CRO_E_NOTSUP with a reason in `why`. Harmless when it is loaded. */
int net_openssl_load(char *why, size_t room);

/* clang-format off */
#define NET_OPENSSL(X) \
  X(ASN1_IA5STRING_free) \
  X(ASN1_IA5STRING_new) \
  X(ASN1_INTEGER_cmp) \
  X(ASN1_OCTET_STRING_cmp) \
  X(ASN1_OCTET_STRING_free) \
  X(ASN1_STRING_get0_data) \
  X(ASN1_STRING_length) \
  X(ASN1_STRING_print_ex) \
  X(ASN1_STRING_set) \
  X(ASN1_TIME_compare) \
  X(ASN1_TIME_diff) \
  X(ASN1_TIME_free) \
  X(ASN1_TIME_set) \
  X(ASN1_TIME_to_tm) \
  X(BIO_clear_flags) \
  X(BIO_ctrl) \
  X(BIO_free) \
  X(BIO_get_data) \
  X(BIO_get_new_index) \
  X(BIO_meth_new) \
  X(BIO_meth_set_create) \
  X(BIO_meth_set_ctrl) \
  X(BIO_meth_set_read_ex) \
  X(BIO_meth_set_write_ex) \
  X(BIO_new) \
  X(BIO_new_mem_buf) \
  X(BIO_printf) \
  X(BIO_s_mem) \
  X(BIO_s_secmem) \
  X(BIO_set_data) \
  X(BIO_set_flags) \
  X(BIO_set_init) \
  X(BIO_write) \
  X(BN_bin2bn) \
  X(BN_free) \
  X(BN_to_ASN1_INTEGER) \
  X(CRYPTO_free) \
  X(CRYPTO_get_ex_new_index) \
  X(CRYPTO_memdup) \
  X(ERR_clear_error) \
  X(ERR_get_error_all) \
  X(ERR_peek_error) \
  X(ERR_peek_last_error) \
  X(ERR_reason_error_string) \
  X(EVP_CIPHER_fetch) \
  X(EVP_CIPHER_free) \
  X(EVP_CIPHER_get_iv_length) \
  X(EVP_DecryptInit_ex2) \
  X(EVP_Digest) \
  X(EVP_EncryptInit_ex2) \
  X(EVP_MAC_CTX_set_params) \
  X(EVP_PKEY_Q_keygen) \
  X(EVP_PKEY_free) \
  X(EVP_PKEY_get_base_id) \
  X(EVP_PKEY_up_ref) \
  X(EVP_sha256) \
  X(GENERAL_NAMES_free) \
  X(GENERAL_NAME_free) \
  X(GENERAL_NAME_get0_value) \
  X(GENERAL_NAME_new) \
  X(GENERAL_NAME_set0_value) \
  X(OCSP_BASICRESP_free) \
  X(OCSP_RESPONSE_free) \
  X(OCSP_SINGLERESP_get0_id) \
  X(OCSP_cert_status_str) \
  X(OCSP_id_get0_info) \
  X(OCSP_resp_count) \
  X(OCSP_resp_get0) \
  X(OCSP_response_get1_basic) \
  X(OCSP_response_status) \
  X(OCSP_response_status_str) \
  X(OCSP_single_get0_status) \
  X(OPENSSL_cleanse) \
  X(OPENSSL_sk_free) \
  X(OPENSSL_sk_new_null) \
  X(OPENSSL_sk_num) \
  X(OPENSSL_sk_pop_free) \
  X(OPENSSL_sk_push) \
  X(OPENSSL_sk_value) \
  X(OSSL_PARAM_construct_end) \
  X(OSSL_PARAM_construct_octet_string) \
  X(OSSL_PARAM_construct_utf8_string) \
  X(PEM_read_bio_PrivateKey) \
  X(PEM_read_bio_X509) \
  X(PEM_read_bio_X509_AUX) \
  X(PEM_write_bio_PrivateKey) \
  X(PEM_write_bio_X509) \
  X(PKCS12_free) \
  X(PKCS12_mac_present) \
  X(PKCS12_parse) \
  X(PKCS12_verify_mac) \
  X(SSL_CIPHER_get_auth_nid) \
  X(SSL_CIPHER_get_kx_nid) \
  X(SSL_CIPHER_get_name) \
  X(SSL_CIPHER_is_aead) \
  X(SSL_CTX_callback_ctrl) \
  X(SSL_CTX_clear_options) \
  X(SSL_CTX_ctrl) \
  X(SSL_CTX_free) \
  X(SSL_CTX_get0_param) \
  X(SSL_CTX_get_ciphers) \
  X(SSL_CTX_new) \
  X(SSL_CTX_sess_set_new_cb) \
  X(SSL_CTX_set1_cert_store) \
  X(SSL_CTX_set_alpn_protos) \
  X(SSL_CTX_set_alpn_select_cb) \
  X(SSL_CTX_set_cipher_list) \
  X(SSL_CTX_set_ciphersuites) \
  X(SSL_CTX_set_client_CA_list) \
  X(SSL_CTX_set_client_hello_cb) \
  X(SSL_CTX_set_keylog_callback) \
  X(SSL_CTX_set_max_early_data) \
  X(SSL_CTX_set_num_tickets) \
  X(SSL_CTX_set_options) \
  X(SSL_CTX_set_security_level) \
  X(SSL_CTX_set_session_ticket_cb) \
  X(SSL_CTX_set_timeout) \
  X(SSL_CTX_set_tlsext_ticket_key_evp_cb) \
  X(SSL_CTX_set_verify) \
  X(SSL_CTX_use_cert_and_key) \
  X(SSL_SESSION_free) \
  X(SSL_SESSION_get0_peer) \
  X(SSL_SESSION_get_protocol_version) \
  X(SSL_SESSION_get_time) \
  X(SSL_SESSION_get_timeout) \
  X(SSL_SESSION_is_resumable) \
  X(SSL_SESSION_up_ref) \
  X(SSL_alert_desc_string_long) \
  X(SSL_client_hello_get0_ext) \
  X(SSL_ctrl) \
  X(SSL_do_handshake) \
  X(SSL_dup_CA_list) \
  X(SSL_free) \
  X(SSL_get0_alpn_selected) \
  X(SSL_get0_param) \
  X(SSL_get0_peer_certificate) \
  X(SSL_get1_peer_certificate) \
  X(SSL_get_certificate) \
  X(SSL_get_current_cipher) \
  X(SSL_get_error) \
  X(SSL_get_ex_data) \
  X(SSL_get_ex_data_X509_STORE_CTX_idx) \
  X(SSL_get_servername) \
  X(SSL_get_verify_mode) \
  X(SSL_get_verify_result) \
  X(SSL_get_version) \
  X(SSL_new) \
  X(SSL_pending) \
  X(SSL_read_ex) \
  X(SSL_session_reused) \
  X(SSL_set1_host) \
  X(SSL_set_SSL_CTX) \
  X(SSL_set_accept_state) \
  X(SSL_set_bio) \
  X(SSL_set_connect_state) \
  X(SSL_set_ex_data) \
  X(SSL_set_hostflags) \
  X(SSL_set_info_callback) \
  X(SSL_set_session) \
  X(SSL_set_session_id_context) \
  X(SSL_set_shutdown) \
  X(SSL_set_verify) \
  X(SSL_shutdown) \
  X(SSL_version) \
  X(SSL_write_ex) \
  X(TLS_client_method) \
  X(TLS_server_method) \
  X(X509V3_EXT_conf_nid) \
  X(X509V3_set_ctx) \
  X(X509_EXTENSION_free) \
  X(X509_NAME_ENTRY_get_data) \
  X(X509_NAME_add_entry_by_txt) \
  X(X509_NAME_cmp) \
  X(X509_NAME_dup) \
  X(X509_NAME_free) \
  X(X509_NAME_get_entry) \
  X(X509_NAME_get_index_by_NID) \
  X(X509_NAME_print_ex) \
  X(X509_OBJECT_get0_X509) \
  X(X509_STORE_CTX_get_current_cert) \
  X(X509_STORE_CTX_get_error) \
  X(X509_STORE_CTX_get_error_depth) \
  X(X509_STORE_CTX_get_ex_data) \
  X(X509_STORE_add_cert) \
  X(X509_STORE_free) \
  X(X509_STORE_get0_objects) \
  X(X509_STORE_load_file) \
  X(X509_STORE_load_path) \
  X(X509_STORE_new) \
  X(X509_VERIFY_PARAM_set1_ip_asc) \
  X(X509_VERIFY_PARAM_set_depth) \
  X(X509_VERIFY_PARAM_set_flags) \
  X(X509_VERIFY_PARAM_set_hostflags) \
  X(X509_VERIFY_PARAM_set_purpose) \
  X(X509_add1_ext_i2d) \
  X(X509_add_ext) \
  X(X509_check_ca) \
  X(X509_check_host) \
  X(X509_check_ip_asc) \
  X(X509_check_issued) \
  X(X509_check_private_key) \
  X(X509_check_purpose) \
  X(X509_cmp_time) \
  X(X509_digest) \
  X(X509_free) \
  X(X509_get0_notAfter) \
  X(X509_get0_notBefore) \
  X(X509_get0_pubkey) \
  X(X509_get0_serialNumber) \
  X(X509_get_default_cert_dir) \
  X(X509_get_default_cert_dir_env) \
  X(X509_get_default_cert_file) \
  X(X509_get_default_cert_file_env) \
  X(X509_get_ext_d2i) \
  X(X509_get_issuer_name) \
  X(X509_get_serialNumber) \
  X(X509_get_subject_name) \
  X(X509_getm_notAfter) \
  X(X509_getm_notBefore) \
  X(X509_new) \
  X(X509_set1_notAfter) \
  X(X509_set_issuer_name) \
  X(X509_set_pubkey) \
  X(X509_set_version) \
  X(X509_sign) \
  X(X509_time_adj_ex) \
  X(X509_up_ref) \
  X(X509_verify) \
  X(X509_verify_cert_error_string) \
  X(a2i_IPADDRESS) \
  X(d2i_OCSP_RESPONSE) \
  X(d2i_PKCS12)

typedef struct net_openssl {
#define NET_OPENSSL_FIELD(name) __typeof__(name) *name;
  NET_OPENSSL(NET_OPENSSL_FIELD)
#undef NET_OPENSSL_FIELD
} net_openssl;

extern net_openssl net_ossl;

#ifndef CRO_OPENSSL_LINKED
#define ASN1_IA5STRING_free (net_ossl.ASN1_IA5STRING_free)
#define ASN1_IA5STRING_new (net_ossl.ASN1_IA5STRING_new)
#define ASN1_INTEGER_cmp (net_ossl.ASN1_INTEGER_cmp)
#define ASN1_OCTET_STRING_cmp (net_ossl.ASN1_OCTET_STRING_cmp)
#define ASN1_OCTET_STRING_free (net_ossl.ASN1_OCTET_STRING_free)
#define ASN1_STRING_get0_data (net_ossl.ASN1_STRING_get0_data)
#define ASN1_STRING_length (net_ossl.ASN1_STRING_length)
#define ASN1_STRING_print_ex (net_ossl.ASN1_STRING_print_ex)
#define ASN1_STRING_set (net_ossl.ASN1_STRING_set)
#define ASN1_TIME_compare (net_ossl.ASN1_TIME_compare)
#define ASN1_TIME_diff (net_ossl.ASN1_TIME_diff)
#define ASN1_TIME_free (net_ossl.ASN1_TIME_free)
#define ASN1_TIME_set (net_ossl.ASN1_TIME_set)
#define ASN1_TIME_to_tm (net_ossl.ASN1_TIME_to_tm)
#define BIO_clear_flags (net_ossl.BIO_clear_flags)
#define BIO_ctrl (net_ossl.BIO_ctrl)
#define BIO_free (net_ossl.BIO_free)
#define BIO_get_data (net_ossl.BIO_get_data)
#define BIO_get_new_index (net_ossl.BIO_get_new_index)
#define BIO_meth_new (net_ossl.BIO_meth_new)
#define BIO_meth_set_create (net_ossl.BIO_meth_set_create)
#define BIO_meth_set_ctrl (net_ossl.BIO_meth_set_ctrl)
#define BIO_meth_set_read_ex (net_ossl.BIO_meth_set_read_ex)
#define BIO_meth_set_write_ex (net_ossl.BIO_meth_set_write_ex)
#define BIO_new (net_ossl.BIO_new)
#define BIO_new_mem_buf (net_ossl.BIO_new_mem_buf)
#define BIO_printf (net_ossl.BIO_printf)
#define BIO_s_mem (net_ossl.BIO_s_mem)
#define BIO_s_secmem (net_ossl.BIO_s_secmem)
#define BIO_set_data (net_ossl.BIO_set_data)
#define BIO_set_flags (net_ossl.BIO_set_flags)
#define BIO_set_init (net_ossl.BIO_set_init)
#define BIO_write (net_ossl.BIO_write)
#define BN_bin2bn (net_ossl.BN_bin2bn)
#define BN_free (net_ossl.BN_free)
#define BN_to_ASN1_INTEGER (net_ossl.BN_to_ASN1_INTEGER)
#define CRYPTO_free (net_ossl.CRYPTO_free)
#define CRYPTO_get_ex_new_index (net_ossl.CRYPTO_get_ex_new_index)
#define CRYPTO_memdup (net_ossl.CRYPTO_memdup)
#define ERR_clear_error (net_ossl.ERR_clear_error)
#define ERR_get_error_all (net_ossl.ERR_get_error_all)
#define ERR_peek_error (net_ossl.ERR_peek_error)
#define ERR_peek_last_error (net_ossl.ERR_peek_last_error)
#define ERR_reason_error_string (net_ossl.ERR_reason_error_string)
#define EVP_CIPHER_fetch (net_ossl.EVP_CIPHER_fetch)
#define EVP_CIPHER_free (net_ossl.EVP_CIPHER_free)
#define EVP_CIPHER_get_iv_length (net_ossl.EVP_CIPHER_get_iv_length)
#define EVP_DecryptInit_ex2 (net_ossl.EVP_DecryptInit_ex2)
#define EVP_Digest (net_ossl.EVP_Digest)
#define EVP_EncryptInit_ex2 (net_ossl.EVP_EncryptInit_ex2)
#define EVP_MAC_CTX_set_params (net_ossl.EVP_MAC_CTX_set_params)
#define EVP_PKEY_Q_keygen (net_ossl.EVP_PKEY_Q_keygen)
#define EVP_PKEY_free (net_ossl.EVP_PKEY_free)
#define EVP_PKEY_get_base_id (net_ossl.EVP_PKEY_get_base_id)
#define EVP_PKEY_up_ref (net_ossl.EVP_PKEY_up_ref)
#define EVP_sha256 (net_ossl.EVP_sha256)
#define GENERAL_NAMES_free (net_ossl.GENERAL_NAMES_free)
#define GENERAL_NAME_free (net_ossl.GENERAL_NAME_free)
#define GENERAL_NAME_get0_value (net_ossl.GENERAL_NAME_get0_value)
#define GENERAL_NAME_new (net_ossl.GENERAL_NAME_new)
#define GENERAL_NAME_set0_value (net_ossl.GENERAL_NAME_set0_value)
#define OCSP_BASICRESP_free (net_ossl.OCSP_BASICRESP_free)
#define OCSP_RESPONSE_free (net_ossl.OCSP_RESPONSE_free)
#define OCSP_SINGLERESP_get0_id (net_ossl.OCSP_SINGLERESP_get0_id)
#define OCSP_cert_status_str (net_ossl.OCSP_cert_status_str)
#define OCSP_id_get0_info (net_ossl.OCSP_id_get0_info)
#define OCSP_resp_count (net_ossl.OCSP_resp_count)
#define OCSP_resp_get0 (net_ossl.OCSP_resp_get0)
#define OCSP_response_get1_basic (net_ossl.OCSP_response_get1_basic)
#define OCSP_response_status (net_ossl.OCSP_response_status)
#define OCSP_response_status_str (net_ossl.OCSP_response_status_str)
#define OCSP_single_get0_status (net_ossl.OCSP_single_get0_status)
#define OPENSSL_cleanse (net_ossl.OPENSSL_cleanse)
#define OPENSSL_sk_free (net_ossl.OPENSSL_sk_free)
#define OPENSSL_sk_new_null (net_ossl.OPENSSL_sk_new_null)
#define OPENSSL_sk_num (net_ossl.OPENSSL_sk_num)
#define OPENSSL_sk_pop_free (net_ossl.OPENSSL_sk_pop_free)
#define OPENSSL_sk_push (net_ossl.OPENSSL_sk_push)
#define OPENSSL_sk_value (net_ossl.OPENSSL_sk_value)
#define OSSL_PARAM_construct_end (net_ossl.OSSL_PARAM_construct_end)
#define OSSL_PARAM_construct_octet_string (net_ossl.OSSL_PARAM_construct_octet_string)
#define OSSL_PARAM_construct_utf8_string (net_ossl.OSSL_PARAM_construct_utf8_string)
#define PEM_read_bio_PrivateKey (net_ossl.PEM_read_bio_PrivateKey)
#define PEM_read_bio_X509 (net_ossl.PEM_read_bio_X509)
#define PEM_read_bio_X509_AUX (net_ossl.PEM_read_bio_X509_AUX)
#define PEM_write_bio_PrivateKey (net_ossl.PEM_write_bio_PrivateKey)
#define PEM_write_bio_X509 (net_ossl.PEM_write_bio_X509)
#define PKCS12_free (net_ossl.PKCS12_free)
#define PKCS12_mac_present (net_ossl.PKCS12_mac_present)
#define PKCS12_parse (net_ossl.PKCS12_parse)
#define PKCS12_verify_mac (net_ossl.PKCS12_verify_mac)
#define SSL_CIPHER_get_auth_nid (net_ossl.SSL_CIPHER_get_auth_nid)
#define SSL_CIPHER_get_kx_nid (net_ossl.SSL_CIPHER_get_kx_nid)
#define SSL_CIPHER_get_name (net_ossl.SSL_CIPHER_get_name)
#define SSL_CIPHER_is_aead (net_ossl.SSL_CIPHER_is_aead)
#define SSL_CTX_callback_ctrl (net_ossl.SSL_CTX_callback_ctrl)
#define SSL_CTX_clear_options (net_ossl.SSL_CTX_clear_options)
#define SSL_CTX_ctrl (net_ossl.SSL_CTX_ctrl)
#define SSL_CTX_free (net_ossl.SSL_CTX_free)
#define SSL_CTX_get0_param (net_ossl.SSL_CTX_get0_param)
#define SSL_CTX_get_ciphers (net_ossl.SSL_CTX_get_ciphers)
#define SSL_CTX_new (net_ossl.SSL_CTX_new)
#define SSL_CTX_sess_set_new_cb (net_ossl.SSL_CTX_sess_set_new_cb)
#define SSL_CTX_set1_cert_store (net_ossl.SSL_CTX_set1_cert_store)
#define SSL_CTX_set_alpn_protos (net_ossl.SSL_CTX_set_alpn_protos)
#define SSL_CTX_set_alpn_select_cb (net_ossl.SSL_CTX_set_alpn_select_cb)
#define SSL_CTX_set_cipher_list (net_ossl.SSL_CTX_set_cipher_list)
#define SSL_CTX_set_ciphersuites (net_ossl.SSL_CTX_set_ciphersuites)
#define SSL_CTX_set_client_CA_list (net_ossl.SSL_CTX_set_client_CA_list)
#define SSL_CTX_set_client_hello_cb (net_ossl.SSL_CTX_set_client_hello_cb)
#define SSL_CTX_set_keylog_callback (net_ossl.SSL_CTX_set_keylog_callback)
#define SSL_CTX_set_max_early_data (net_ossl.SSL_CTX_set_max_early_data)
#define SSL_CTX_set_num_tickets (net_ossl.SSL_CTX_set_num_tickets)
#define SSL_CTX_set_options (net_ossl.SSL_CTX_set_options)
#define SSL_CTX_set_security_level (net_ossl.SSL_CTX_set_security_level)
#define SSL_CTX_set_session_ticket_cb (net_ossl.SSL_CTX_set_session_ticket_cb)
#define SSL_CTX_set_timeout (net_ossl.SSL_CTX_set_timeout)
#define SSL_CTX_set_tlsext_ticket_key_evp_cb (net_ossl.SSL_CTX_set_tlsext_ticket_key_evp_cb)
#define SSL_CTX_set_verify (net_ossl.SSL_CTX_set_verify)
#define SSL_CTX_use_cert_and_key (net_ossl.SSL_CTX_use_cert_and_key)
#define SSL_SESSION_free (net_ossl.SSL_SESSION_free)
#define SSL_SESSION_get0_peer (net_ossl.SSL_SESSION_get0_peer)
#define SSL_SESSION_get_protocol_version (net_ossl.SSL_SESSION_get_protocol_version)
#define SSL_SESSION_get_time (net_ossl.SSL_SESSION_get_time)
#define SSL_SESSION_get_timeout (net_ossl.SSL_SESSION_get_timeout)
#define SSL_SESSION_is_resumable (net_ossl.SSL_SESSION_is_resumable)
#define SSL_SESSION_up_ref (net_ossl.SSL_SESSION_up_ref)
#define SSL_alert_desc_string_long (net_ossl.SSL_alert_desc_string_long)
#define SSL_client_hello_get0_ext (net_ossl.SSL_client_hello_get0_ext)
#define SSL_ctrl (net_ossl.SSL_ctrl)
#define SSL_do_handshake (net_ossl.SSL_do_handshake)
#define SSL_dup_CA_list (net_ossl.SSL_dup_CA_list)
#define SSL_free (net_ossl.SSL_free)
#define SSL_get0_alpn_selected (net_ossl.SSL_get0_alpn_selected)
#define SSL_get0_param (net_ossl.SSL_get0_param)
#define SSL_get0_peer_certificate (net_ossl.SSL_get0_peer_certificate)
#define SSL_get1_peer_certificate (net_ossl.SSL_get1_peer_certificate)
#define SSL_get_certificate (net_ossl.SSL_get_certificate)
#define SSL_get_current_cipher (net_ossl.SSL_get_current_cipher)
#define SSL_get_error (net_ossl.SSL_get_error)
#define SSL_get_ex_data (net_ossl.SSL_get_ex_data)
#define SSL_get_ex_data_X509_STORE_CTX_idx (net_ossl.SSL_get_ex_data_X509_STORE_CTX_idx)
#define SSL_get_servername (net_ossl.SSL_get_servername)
#define SSL_get_verify_mode (net_ossl.SSL_get_verify_mode)
#define SSL_get_verify_result (net_ossl.SSL_get_verify_result)
#define SSL_get_version (net_ossl.SSL_get_version)
#define SSL_new (net_ossl.SSL_new)
#define SSL_pending (net_ossl.SSL_pending)
#define SSL_read_ex (net_ossl.SSL_read_ex)
#define SSL_session_reused (net_ossl.SSL_session_reused)
#define SSL_set1_host (net_ossl.SSL_set1_host)
#define SSL_set_SSL_CTX (net_ossl.SSL_set_SSL_CTX)
#define SSL_set_accept_state (net_ossl.SSL_set_accept_state)
#define SSL_set_bio (net_ossl.SSL_set_bio)
#define SSL_set_connect_state (net_ossl.SSL_set_connect_state)
#define SSL_set_ex_data (net_ossl.SSL_set_ex_data)
#define SSL_set_hostflags (net_ossl.SSL_set_hostflags)
#define SSL_set_info_callback (net_ossl.SSL_set_info_callback)
#define SSL_set_session (net_ossl.SSL_set_session)
#define SSL_set_session_id_context (net_ossl.SSL_set_session_id_context)
#define SSL_set_shutdown (net_ossl.SSL_set_shutdown)
#define SSL_set_verify (net_ossl.SSL_set_verify)
#define SSL_shutdown (net_ossl.SSL_shutdown)
#define SSL_version (net_ossl.SSL_version)
#define SSL_write_ex (net_ossl.SSL_write_ex)
#define TLS_client_method (net_ossl.TLS_client_method)
#define TLS_server_method (net_ossl.TLS_server_method)
#define X509V3_EXT_conf_nid (net_ossl.X509V3_EXT_conf_nid)
#define X509V3_set_ctx (net_ossl.X509V3_set_ctx)
#define X509_EXTENSION_free (net_ossl.X509_EXTENSION_free)
#define X509_NAME_ENTRY_get_data (net_ossl.X509_NAME_ENTRY_get_data)
#define X509_NAME_add_entry_by_txt (net_ossl.X509_NAME_add_entry_by_txt)
#define X509_NAME_cmp (net_ossl.X509_NAME_cmp)
#define X509_NAME_dup (net_ossl.X509_NAME_dup)
#define X509_NAME_free (net_ossl.X509_NAME_free)
#define X509_NAME_get_entry (net_ossl.X509_NAME_get_entry)
#define X509_NAME_get_index_by_NID (net_ossl.X509_NAME_get_index_by_NID)
#define X509_NAME_print_ex (net_ossl.X509_NAME_print_ex)
#define X509_OBJECT_get0_X509 (net_ossl.X509_OBJECT_get0_X509)
#define X509_STORE_CTX_get_current_cert (net_ossl.X509_STORE_CTX_get_current_cert)
#define X509_STORE_CTX_get_error (net_ossl.X509_STORE_CTX_get_error)
#define X509_STORE_CTX_get_error_depth (net_ossl.X509_STORE_CTX_get_error_depth)
#define X509_STORE_CTX_get_ex_data (net_ossl.X509_STORE_CTX_get_ex_data)
#define X509_STORE_add_cert (net_ossl.X509_STORE_add_cert)
#define X509_STORE_free (net_ossl.X509_STORE_free)
#define X509_STORE_get0_objects (net_ossl.X509_STORE_get0_objects)
#define X509_STORE_load_file (net_ossl.X509_STORE_load_file)
#define X509_STORE_load_path (net_ossl.X509_STORE_load_path)
#define X509_STORE_new (net_ossl.X509_STORE_new)
#define X509_VERIFY_PARAM_set1_ip_asc (net_ossl.X509_VERIFY_PARAM_set1_ip_asc)
#define X509_VERIFY_PARAM_set_depth (net_ossl.X509_VERIFY_PARAM_set_depth)
#define X509_VERIFY_PARAM_set_flags (net_ossl.X509_VERIFY_PARAM_set_flags)
#define X509_VERIFY_PARAM_set_hostflags (net_ossl.X509_VERIFY_PARAM_set_hostflags)
#define X509_VERIFY_PARAM_set_purpose (net_ossl.X509_VERIFY_PARAM_set_purpose)
#define X509_add1_ext_i2d (net_ossl.X509_add1_ext_i2d)
#define X509_add_ext (net_ossl.X509_add_ext)
#define X509_check_ca (net_ossl.X509_check_ca)
#define X509_check_host (net_ossl.X509_check_host)
#define X509_check_ip_asc (net_ossl.X509_check_ip_asc)
#define X509_check_issued (net_ossl.X509_check_issued)
#define X509_check_private_key (net_ossl.X509_check_private_key)
#define X509_check_purpose (net_ossl.X509_check_purpose)
#define X509_cmp_time (net_ossl.X509_cmp_time)
#define X509_digest (net_ossl.X509_digest)
#define X509_free (net_ossl.X509_free)
#define X509_get0_notAfter (net_ossl.X509_get0_notAfter)
#define X509_get0_notBefore (net_ossl.X509_get0_notBefore)
#define X509_get0_pubkey (net_ossl.X509_get0_pubkey)
#define X509_get0_serialNumber (net_ossl.X509_get0_serialNumber)
#define X509_get_default_cert_dir (net_ossl.X509_get_default_cert_dir)
#define X509_get_default_cert_dir_env (net_ossl.X509_get_default_cert_dir_env)
#define X509_get_default_cert_file (net_ossl.X509_get_default_cert_file)
#define X509_get_default_cert_file_env (net_ossl.X509_get_default_cert_file_env)
#define X509_get_ext_d2i (net_ossl.X509_get_ext_d2i)
#define X509_get_issuer_name (net_ossl.X509_get_issuer_name)
#define X509_get_serialNumber (net_ossl.X509_get_serialNumber)
#define X509_get_subject_name (net_ossl.X509_get_subject_name)
#define X509_getm_notAfter (net_ossl.X509_getm_notAfter)
#define X509_getm_notBefore (net_ossl.X509_getm_notBefore)
#define X509_new (net_ossl.X509_new)
#define X509_set1_notAfter (net_ossl.X509_set1_notAfter)
#define X509_set_issuer_name (net_ossl.X509_set_issuer_name)
#define X509_set_pubkey (net_ossl.X509_set_pubkey)
#define X509_set_version (net_ossl.X509_set_version)
#define X509_sign (net_ossl.X509_sign)
#define X509_time_adj_ex (net_ossl.X509_time_adj_ex)
#define X509_up_ref (net_ossl.X509_up_ref)
#define X509_verify (net_ossl.X509_verify)
#define X509_verify_cert_error_string (net_ossl.X509_verify_cert_error_string)
#define a2i_IPADDRESS (net_ossl.a2i_IPADDRESS)
#define d2i_OCSP_RESPONSE (net_ossl.d2i_OCSP_RESPONSE)
#define d2i_PKCS12 (net_ossl.d2i_PKCS12)
#endif
/* clang-format on */

#endif
