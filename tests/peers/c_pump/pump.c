/* A pump in the open mode, written from docs/protocol.md and the vectors alone: another team's, so to speak.
 *
 * Opens a pseudo-terminal, prints the path of its far end, and answers until its standard input is closed.
 *
 *     gcc -std=c11 -Wall -Wextra -O2 -o pump pump.c -lcrypto
 *
 * Deliberately wrong with one of: -DWRONG_CRC -DWRONG_ENDIAN -DSTUCK_SEQ -DLATE_ANSWERS -DANSWERS_TELEMETRY
 * -DFORGETS_REPEATS
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <openssl/sha.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FRAME = 512, MAX_STUFFED = 519, HEADER = 5, CHAIN = 16, DIGEST = 8, EVENTS = 256, REMEMBERED = 16, JOURNAL = 8 };
enum { UNKNOWN_OPCODE = 1, MALFORMED = 2, OUT_OF_RANGE = 3 };
enum { APPLIED = 1, REFUSED = 2, STALE = 3, FENCED = 4, NOT_STAGED = 5 };
enum { EVENT_BYTES = 35, BOOTED = 1, DRUG_SET = 35, CLOCK_SET = 48 };

typedef struct {
    uint8_t bytes[MAX_FRAME + 4];
    size_t size;
} Buffer;

typedef struct {
    uint64_t cmd_id;
    uint32_t state_seq;
    uint8_t outcome;
    Buffer result;
} Entry;

static int64_t clock_ahead_ms = 1767225600000;
static uint8_t events[EVENTS][EVENT_BYTES], chains[EVENTS + 1][CHAIN];
static uint32_t event_count, state_seq, accepted, rejected, repeated, next_token = 0x10000, journaled;
static Entry journal[JOURNAL];
static struct { uint32_t token; int64_t until_ms; uint8_t digest[DIGEST]; Buffer command; bool there; } staged;
static struct { Buffer question, answer; } remembered[REMEMBERED];
static uint32_t remembered_count;

/* Time and integers. */

static int64_t now_ms(void)
{
    static struct timespec start;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (start.tv_sec == 0)
        start = now;
    return (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000;
}

static void put(Buffer *to, uint64_t value, int size)
{
    for (int byte = size - 1; byte >= 0; byte--)
        to->bytes[to->size++] = (uint8_t)(value >> 8 * byte);
}

static void put_measured(Buffer *to, uint64_t value, int size)
{
#ifdef WRONG_ENDIAN
    for (int byte = 0; byte < size; byte++)
        to->bytes[to->size++] = (uint8_t)(value >> 8 * byte);
#else
    put(to, value, size);
#endif
}

static void put_bytes(Buffer *to, const void *bytes, size_t size)
{
    memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
}

static void put_text(Buffer *to, const char *text, size_t size)
{
    memset(to->bytes + to->size, 0, size);
    memcpy(to->bytes + to->size, text, strlen(text));
    to->size += size;
}

static uint64_t get(const uint8_t *from, int size)
{
    uint64_t value = 0;
    for (int byte = 0; byte < size; byte++)
        value = value << 8 | from[byte];
    return value;
}

/* Frames. */

static uint32_t crc_32c(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xFFFFFFFF;
    for (size_t at = 0; at < size; at++) {
        crc ^= bytes[at];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78 : 0);
    }
    return ~crc;
}

static size_t unstuff(const uint8_t *from, size_t size, uint8_t *to)
{
    size_t at = 0, made = 0;
    while (at < size) {
        size_t code = from[at], stop = at + code;
        if (stop > size)
            return 0;
        while (++at < stop)
            to[made++] = from[at];
        if (code != 0xFF && at < size)
            to[made++] = 0;
    }
    return made;
}

static void send_frame(int port, Buffer *frame)
{
    uint8_t stuffed[MAX_STUFFED + 1];
    size_t made = 1, code_at = 0;
    uint32_t crc = crc_32c(frame->bytes, frame->size);
#ifdef WRONG_CRC
    crc ^= 1;
#endif
    put(frame, crc, 4);
    for (size_t at = 0; at < frame->size; at++) {
        if (frame->bytes[at] != 0)
            stuffed[made++] = frame->bytes[at];
        if (frame->bytes[at] == 0 || (made - code_at == 0xFF && at + 1 < frame->size)) {
            stuffed[code_at] = (uint8_t)(made - code_at);
            code_at = made++;
        }
    }
    stuffed[code_at] = (uint8_t)(made - code_at);
    stuffed[made++] = 0;
#ifdef LATE_ANSWERS
    usleep(900000);
#endif
    for (size_t sent = 0; sent < made;) {
        ssize_t count = write(port, stuffed + sent, made - sent);
        if (count <= 0)
            exit(1);
        sent += (size_t)count;
    }
}

/* The event log and its chain. */

static void log_event(uint8_t kind, uint16_t detail, int64_t value)
{
    if (event_count == EVENTS)
        return;
    Buffer record = {0};
    put(&record, event_count, 4);
    put(&record, 1, 4);
    put(&record, (uint64_t)now_ms(), 8);
    put(&record, (uint64_t)(now_ms() + clock_ahead_ms), 8);
    put(&record, kind, 1);
    put(&record, detail, 2);
    put(&record, (uint64_t)value, 8);
    memcpy(events[event_count], record.bytes, EVENT_BYTES);
    uint8_t linked[CHAIN + EVENT_BYTES], digest[SHA256_DIGEST_LENGTH];
    memcpy(linked, chains[event_count], CHAIN);
    memcpy(linked + CHAIN, record.bytes, EVENT_BYTES);
    SHA256(linked, sizeof linked, digest);
    memcpy(chains[++event_count], digest, CHAIN);
}

/* Messages: each takes a body and makes opcode and body of the answer. */

static void refuse(Buffer *to, uint8_t reason, uint32_t detail)
{
    to->size = 0;
    put(to, 0xFF, 1);
    put(to, reason, 1);
    put(to, detail, 4);
}

static void put_sensors(Buffer *to)
{
    put_measured(to, 37000, 4);
    put_measured(to, 158000, 4);
    put_measured(to, 12400, 4);
    put_measured(to, 101325, 4);
}

static void identity(Buffer *to)
{
    put(to, 0x81, 1);
    put(to, 1, 1);
    put_text(to, "CPEERUID", 8);
    put_text(to, "C-PEER", 16);
    put_text(to, "c-peer", 24);
    put(to, 0, 1);
    put(to, 1, 1);
    put(to, 0, 1);
    put_measured(to, 1, 4);
}

static void status(Buffer *to)
{
    put(to, 0x82, 1);
    put_measured(to, (uint64_t)(now_ms() + clock_ahead_ms), 8);
    put_measured(to, (uint64_t)now_ms(), 8);
    put_measured(to, 1, 4);
    put(to, 2, 1);
    put(to, 0, 4);
    put_measured(to, (uint64_t)(now_ms() / 60000 + 1), 4);
    put_sensors(to);
    put_measured(to, 2950, 2);
    put_measured(to, 20000000, 4);
    put_measured(to, 0, 4);
    put(to, 0, 1);
    put(to, 0, 4);
}

static void read_events(const uint8_t *body, Buffer *to)
{
    uint32_t from = (uint32_t)get(body, 4), most = body[4] < 11 ? body[4] : 11;
    if (from > event_count) {
        refuse(to, OUT_OF_RANGE, event_count);
        return;
    }
    uint32_t count = event_count - from < most ? event_count - from : most;
    put(to, 0x89, 1);
    put(to, 0, 4);
    put(to, event_count, 4);
    put_bytes(to, chains[from], CHAIN);
    put(to, count, 1);
    put_bytes(to, events[from], (size_t)count * EVENT_BYTES);
    put_bytes(to, chains[from + count], CHAIN);
}

static void set_clock(const uint8_t *body, Buffer *to)
{
    uint64_t wanted_ms = get(body, 8);
    int64_t before_ms = now_ms() + clock_ahead_ms;
    if (wanted_ms < 946684800000 || wanted_ms >= 4102444800000) {
        refuse(to, OUT_OF_RANGE, 0);
        return;
    }
    clock_ahead_ms = (int64_t)wanted_ms - now_ms();
    log_event(CLOCK_SET, 0, (int64_t)wanted_ms - before_ms);
    put(to, 0x84, 1);
    put(to, (uint64_t)before_ms, 8);
    put(to, wanted_ms, 8);
}

static void set_drug(const uint8_t *body, Buffer *to)
{
    log_event(DRUG_SET, body[0], (int64_t)get(body + 1, 4));
    put(to, 0xA3, 1);
    put(to, body[0], 1);
}

static bool changes_state(uint8_t opcode)
{
    return opcode == 0x04 || opcode == 0x23;
}

static int body_size(uint8_t opcode)
{
    switch (opcode) {
    case 0x01: case 0x02: case 0x05: case 0x07: case 0x30: return 0;
    case 0x04: return 8;
    case 0x09: case 0x23: return 5;
    case 0x11: return 24;
    case 0x12: return 12;
    default: return -1;
    }
}

static void carry_out(const Buffer *command, Buffer *to)
{
    if (command->bytes[0] == 0x04)
        set_clock(command->bytes + 1, to);
    else
        set_drug(command->bytes + 1, to);
}

static void stage(const uint8_t *body, size_t size, Buffer *to)
{
    size_t length = size >= 2 ? (size_t)get(body, 2) : 0;
    if (size < 2 || size != 2 + length || length > 192) {
        refuse(to, MALFORMED, 0x10);
        return;
    }
    uint8_t opcode = length ? body[2] : 0;
    if (body_size(opcode) < 0 || (size_t)body_size(opcode) + 1 != length) {
        refuse(to, MALFORMED, opcode);
        return;
    }
    if (!changes_state(opcode)) {
        refuse(to, OUT_OF_RANGE, opcode);
        return;
    }
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256(body + 2, length, digest);
    staged.there = true;
    staged.token = next_token++;
    staged.until_ms = now_ms() + 30000;
    memcpy(staged.digest, digest, DIGEST);
    staged.command.size = 0;
    put_bytes(&staged.command, body + 2, length);
    put(to, 0x90, 1);
    put(to, staged.token, 4);
    put_bytes(to, digest, DIGEST);
    put(to, state_seq, 4);
    put(to, length, 2);
    put_bytes(to, body + 2, length);
}

static Entry *known(uint64_t cmd_id)
{
    for (uint32_t place = 0; place < JOURNAL && place < journaled; place++)
        if (journal[place].cmd_id == cmd_id)
            return &journal[place];
    return NULL;
}

static Entry *keep(uint64_t cmd_id, uint8_t outcome)
{
    Entry *entry = &journal[journaled++ % JOURNAL];
    *entry = (Entry){.cmd_id = cmd_id, .outcome = outcome, .state_seq = ++state_seq};
    return entry;
}

static void tell(Buffer *to, uint8_t opcode, const Entry *entry)
{
    put(to, opcode, 1);
    put(to, entry->cmd_id, 8);
    put(to, entry->outcome, 1);
    put(to, entry->state_seq, 4);
    put(to, entry->result.size, 2);
    put_bytes(to, entry->result.bytes, entry->result.size);
}

static void commit(const uint8_t *body, Buffer *to)
{
    Entry answer = {.cmd_id = get(body, 8), .state_seq = state_seq}, *entry = known(answer.cmd_id);
    bool fits = staged.there && get(body + 8, 4) == staged.token && !memcmp(body + 12, staged.digest, DIGEST);
    if (entry == NULL && (!fits || now_ms() >= staged.until_ms)) {
        answer.outcome = NOT_STAGED;
        entry = &answer;
    } else if (entry == NULL && get(body + 20, 4) != state_seq) {
        answer.outcome = STALE;
        entry = &answer;
    } else if (entry == NULL) {
        Buffer result = {0};
        carry_out(&staged.command, &result);
        entry = keep(answer.cmd_id, result.bytes[0] == 0xFF ? REFUSED : APPLIED);
        entry->result = result;
        staged.there = false;
    }
    tell(to, 0x91, entry);
}

static void query(const uint8_t *body, Buffer *to)
{
    Entry answer = {.cmd_id = get(body, 8), .outcome = FENCED, .state_seq = state_seq}, *entry = known(answer.cmd_id);
    if (entry == NULL)
        entry = get(body + 8, 4) == state_seq ? keep(answer.cmd_id, FENCED) : &answer;
    tell(to, 0x92, entry);
}

static void diagnostics(Buffer *to)
{
    put(to, 0xB0, 1);
    put(to, 1, 4);
    put(to, (uint64_t)now_ms(), 8);
    uint32_t counts[] = {0, event_count, 0, state_seq, accepted, rejected, repeated, 0};
    for (size_t place = 0; place < sizeof counts / sizeof *counts; place++)
        put(to, counts[place], 4);
}

static void answer(uint8_t opcode, const uint8_t *body, size_t size, Buffer *to)
{
    int wanted = body_size(opcode);
    if (opcode != 0x10 && wanted < 0)
        refuse(to, UNKNOWN_OPCODE, opcode);
    else if (opcode != 0x10 && (size_t)wanted != size)
        refuse(to, MALFORMED, opcode);
    else if (opcode == 0x01)
        identity(to);
    else if (opcode == 0x02)
        status(to);
    else if (opcode == 0x04)
        set_clock(body, to);
    else if (opcode == 0x05) {
        put(to, 0x85, 1);
        put_measured(to, (uint64_t)(now_ms() / 60000 + 1), 4);
        put_measured(to, (uint64_t)now_ms(), 8);
        put_sensors(to);
        put_measured(to, 20000000, 4);
        put_measured(to, 2950, 2);
    } else if (opcode == 0x07) {
        put(to, 0x87, 1);
        put(to, 0, 1);
    } else if (opcode == 0x09)
        read_events(body, to);
    else if (opcode == 0x10)
        stage(body, size, to);
    else if (opcode == 0x11)
        commit(body, to);
    else if (opcode == 0x12)
        query(body, to);
    else if (opcode == 0x23)
        set_drug(body, to);
    else
        diagnostics(to);
}

static void take_frame(int port, const uint8_t *stuffed, size_t size)
{
    static uint8_t frame[MAX_STUFFED];
    static int stuck = -1;
    size_t count = size <= MAX_STUFFED ? unstuff(stuffed, size, frame) : 0;
    if (count < 5 || count > MAX_FRAME + 4 || crc_32c(frame, count - 4) != get(frame + count - 4, 4)
        || frame[0] != 1 || frame[1] != 0) {
        rejected++;
        return;
    }
    count -= 4;
    accepted++;
    if (count < HEADER)
        return;
    uint8_t opcode = frame[4];
#ifndef ANSWERS_TELEMETRY
    if (opcode & 0x80)
        return;
#endif
    Buffer question = {0}, reply = {0}, made = {0};
    put_bytes(&question, frame + 2, count - 2);
    for (uint32_t place = 0; place < REMEMBERED && place < remembered_count; place++)
        if (remembered[place].question.size == question.size
            && !memcmp(remembered[place].question.bytes, question.bytes, question.size)) {
            made = remembered[place].answer;
            repeated++;
        }
    if (made.size == 0) {
        answer(opcode, frame + HEADER, count - HEADER, &made);
#ifndef FORGETS_REPEATS
        if (changes_state(opcode) && made.bytes[0] != 0xFF) {
            remembered[remembered_count % REMEMBERED].question = question;
            remembered[remembered_count++ % REMEMBERED].answer = made;
        }
#endif
    }
    uint16_t seq = (uint16_t)get(frame + 2, 2);
#ifdef STUCK_SEQ
    if (stuck < 0)
        stuck = seq;
    seq = (uint16_t)stuck;
#else
    (void)stuck;
#endif
    put(&reply, 0x0100, 2);
    put(&reply, seq, 2);
    put_bytes(&reply, made.bytes, made.size);
    send_frame(port, &reply);
}

int main(void)
{
    int port = posix_openpt(O_RDWR | O_NOCTTY);
    if (port < 0 || grantpt(port) || unlockpt(port))
        return 1;
    int far_end = open(ptsname(port), O_RDWR | O_NOCTTY); /* held open, so that it outlives its users */
    struct termios settings;
    tcgetattr(far_end, &settings);
    cfmakeraw(&settings);
    tcsetattr(far_end, TCSANOW, &settings);
    printf("%s\n", ptsname(port));
    fflush(stdout);
    now_ms();
    log_event(BOOTED, 0, 0);
    static uint8_t segment[MAX_STUFFED + 1], piece[4096];
    size_t length = 0;
    struct pollfd from[] = {{.fd = port, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    while (poll(from, 2, -1) >= 0) {
        if (from[1].revents && read(STDIN_FILENO, piece, sizeof piece) <= 0)
            return 0;
        if (!(from[0].revents & POLLIN))
            continue;
        ssize_t count = read(port, piece, sizeof piece);
        for (ssize_t at = 0; at < count; at++) {
            if (piece[at] != 0) {
                if (length < sizeof segment)
                    segment[length] = piece[at];
                length++;
                continue;
            }
            if (length)
                take_frame(port, segment, length);
            length = 0;
        }
    }
    return 0;
}
