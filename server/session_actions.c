#include "server/session_actions.h"

#include "domain/password.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

static const struct stw_field login_in[LOGIN_FIELDS] = {
    [LOGIN_ORGANIZATION] = {"organization", .max = 63, .flags = STW_MANDATORY,
                            .doc = "The organization's short name."},
    [LOGIN_EMAIL] = {"email", .max = 254, .flags = STW_MANDATORY,
                     .doc = "The user's email address, in either case."},
    [LOGIN_PASSWORD] = {"password", .max = STW_PASSWORD_MAX, .flags = STW_MANDATORY | STW_WRITE_ONLY,
                        .doc = "The user's password."},
};

static const struct stw_field refresh_in[REFRESH_FIELDS] = {
    [REFRESH_TOKEN] = {"refresh_token", .max = 200, .flags = STW_MANDATORY | STW_WRITE_ONLY,
                       .doc = "The refresh token given last."},
};

static const struct stw_field password_in[PASSWORD_FIELDS] = {
    [PASSWORD_CURRENT] = {"current_password", .max = STW_PASSWORD_MAX,
                          .flags = STW_MANDATORY | STW_WRITE_ONLY, .doc = "The password so far."},
    [PASSWORD_NEW] = {"password", .min = STW_PASSWORD_MIN, .max = STW_PASSWORD_MAX,
                      .flags = STW_MANDATORY | STW_WRITE_ONLY,
                      .doc = "The new password, 8 to 200 characters."},
};

static const struct stw_field tokens_out[] = {
    {"access_token", .max = 4096, .flags = STW_NOT_NULL, .doc = "A JWT, sent as Authorization: Bearer."},
    {"token_type", .flags = STW_NOT_NULL, .doc = "Always Bearer."},
    {"expires_in", STW_TYPE_INT, .flags = STW_NOT_NULL, .doc = "Seconds for which the access token is good."},
    {"refresh_token", .flags = STW_NOT_NULL,
     .doc = "Good for one use: using it gives the next one. A used one that comes again ends the session."},
};

static const struct stw_field jwks_out[] = {
    {"keys", STW_TYPE_OBJECT, .flags = STW_NOT_NULL, .doc = "An array of JSON Web Keys (RFC 7517)."},
};

static const struct stw_field me_out[] = {
    {"user", STW_TYPE_OBJECT, .doc = "id, email, name, title, phone, language; null when an API key asks."},
    {"api_key", STW_TYPE_OBJECT, .doc = "id, name, source, expires_at; null when a user asks."},
    {"role", STW_TYPE_OBJECT,
     .doc = "id, key, name and base, the shipped role it builds on; null for an API key."},
    {"team", STW_TYPE_OBJECT, .doc = "id and name; null without one."},
    {"organization", STW_TYPE_OBJECT, .flags = STW_NOT_NULL, .doc = "id, slug, name, zone and currency."},
};

static const struct stw_field access_out[] = {
    {"resources", STW_TYPE_OBJECT, .flags = STW_NOT_NULL,
     .doc = "By resource: how far each verb reaches (none, own, team, tree, all), source_bound for an API "
            "key that reaches "
            "records of its source only, and fields.hidden, fields.masked, fields.locked by name."},
};

const struct stw_action srv_action_login = {
    "login", "Signs in with a password.", login_in, COUNT(login_in), tokens_out, COUNT(tokens_out), 200,
};
const struct stw_action srv_action_refresh = {
    "refresh",  "Exchanges a refresh token for new tokens.",
    refresh_in, COUNT(refresh_in),
    tokens_out, COUNT(tokens_out),
    200,
};
const struct stw_action srv_action_logout = {
    .name = "logout",
    .doc = "Ends the session that a refresh token belongs to.",
    .in_fields = refresh_in,
    .in_count = COUNT(refresh_in),
    .status = 204,
};
const struct stw_action srv_action_logout_all = {
    .name = "logoutAll",
    .doc = "Ends all sessions of the caller.",
    .status = 204,
};
const struct stw_action srv_action_jwks = {
    .name = "getKeys",
    .doc = "The public keys that access tokens are verified with.",
    .out_fields = jwks_out,
    .out_count = COUNT(jwks_out),
    .status = 200,
};
const struct stw_action srv_action_me = {
    .name = "getMe",
    .doc = "Who the caller is.",
    .out_fields = me_out,
    .out_count = COUNT(me_out),
    .status = 200,
};
const struct stw_action srv_action_access = {
    .name = "getMyAccess",
    .doc = "What the caller may do, by resource.",
    .out_fields = access_out,
    .out_count = COUNT(access_out),
    .status = 200,
};
const struct stw_action srv_action_password = {
    "changeMyPassword",
    "Gives the caller another password and ends the other sessions; answers tokens for this one.",
    password_in,
    COUNT(password_in),
    tokens_out,
    COUNT(tokens_out),
    200,
};
