"""Receipts: what a fire has cancelled, counted and digested on the way, and the frame that says so at its end.

A receipt (CancelOnDisconnectReceipt, 4030) tells of one fire and one session's orders. It is a frame of that session's
stream when the session has asked for receipts, and goes to the drop-copy sessions of its portfolio in any case.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport INT64_MIN, int8_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

from codec.layout cimport (
    CancelOnDisconnectReceipt,
    HEADER_SIZE,
    OrdersCanceledOrders,
    SESSION_OPTIONS_RECEIPTS,
    TEMPLATE_CANCEL_ON_DISCONNECT_RECEIPT,
)
from codec.wire cimport begin_frame, finish_frame
from codec.xxh64 cimport xxh64_begin, xxh64_digest, xxh64_update

from gateway.must_hold cimport must_hold
from gateway.session cimport Session

cdef enum:
    ENTRIES_AT_ONCE = 32    # their digested bytes are whole stripes
    RAW_LENGTH = HEADER_SIZE + sizeof(CancelOnDisconnectReceipt)


cdef packed struct DigestedOrder:
    int64_t order_id
    int64_t total_filled
    int8_t cancel_reason


cdef class Account:
    """What the OrdersCanceled (310) frames of one fire say of one session's orders, taken from the frames themselves.

    The digest is XXH64 over 17 bytes of each entry: orderId, the mantissa of totalFilled, cancelReason.
    """

    def __cinit__(self):
        xxh64_begin(&self.state)

    @property
    def digest(self) -> int:
        """Of the entries so far."""
        return xxh64_digest(&self.state)

    cdef void add(self, const OrdersCanceledOrders* entries, uint32_t count, int64_t number) noexcept nogil:
        """The frame of this number holds these entries."""
        cdef DigestedOrder digested[ENTRIES_AT_ONCE]
        cdef uint32_t filled = 0
        cdef uint32_t index
        for index in range(count):
            digested[filled].order_id = entries[index].order_id
            digested[filled].total_filled = entries[index].total_filled.mantissa
            digested[filled].cancel_reason = entries[index].cancel_reason
            filled += 1
            if filled == ENTRIES_AT_ONCE:
                xxh64_update(&self.state, <const uint8_t*>digested, filled * sizeof(DigestedOrder))
                filled = 0
        xxh64_update(&self.state, <const uint8_t*>digested, filled * sizeof(DigestedOrder))
        self.cancelled_count += count
        if self.first_number == 0:
            self.first_number = number
        self.last_number = number


def tell_receipt(fire, int64_t now) -> int:
    """The last order of a fire is out of the book and told of: tells its receipt to whom it concerns.

    fire: a Fire of cancel_on_disconnect.py. Returns the receipt's number in the session's stream, 0 where its last
    connection has not asked for receipts: then it is in no stream, and drop copy has it without a number.
    """
    cdef Session session = fire.session
    cdef uint8_t frame[RAW_LENGTH + 8]
    cdef uint8_t* at
    cdef uint32_t length
    cdef int64_t number = session.stream.next_number
    cdef Session watcher
    if session.options & SESSION_OPTIONS_RECEIPTS:
        at = session.begin(TEMPLATE_CANCEL_ON_DISCONNECT_RECEIPT, 0, RAW_LENGTH, now)
        write_receipt(<CancelOnDisconnectReceipt*>(at + HEADER_SIZE), fire, now)
        session.publish(at, RAW_LENGTH, now)
        return number
    if session.watchers:
        begin_frame(frame, TEMPLATE_CANCEL_ON_DISCONNECT_RECEIPT, 0, 0, session.last_processed, now)
        write_receipt(<CancelOnDisconnectReceipt*>(frame + HEADER_SIZE), fire, now)
        length = <uint32_t>finish_frame(frame, RAW_LENGTH)
        for watcher in session.watchers:
            watcher.copy(session, frame, length, INT64_MIN, now)
    return 0


cdef int write_receipt(CancelOnDisconnectReceipt* receipt, fire, int64_t now) except -1:
    cdef Session session = fire.session
    cdef Account account = fire.account
    memcpy(receipt.client_id, PyBytes_AS_STRING(session.client_id_wire), 16)
    receipt.portfolio_id = session.portfolio_id
    receipt.session_epoch = session.epoch
    receipt.cause = fire.cause
    receipt.scope = fire.scope
    receipt.last_heard_time = fire.last_heard_time
    receipt.detected_time = fire.detected_time
    receipt.fenced_time = fire.fenced_time
    receipt.completed_time = now
    receipt.bound_count = fire.bound_count
    receipt.cancelled_count = account.cancelled_count
    # The embedded engine answers at once: nothing has traded unseen, and nothing is left to answer.
    receipt.filled_count = 0
    receipt.exempt_count = fire.exempt_count
    receipt.unconfirmed_count = 0
    receipt.first_sequence_number = account.first_number or INT64_MIN
    receipt.last_sequence_number = account.last_number or INT64_MIN
    receipt.digest = xxh64_digest(&account.state)
    receipt.timestamp = now
    must_hold(b"I5: a receipt accounts for every order in scope",
              receipt.bound_count == receipt.cancelled_count + receipt.filled_count + receipt.exempt_count
              + receipt.unconfirmed_count)
    return 0


def renumbered(bytes frame not None, int64_t first_number, int64_t last_number) -> bytes:
    """A receipt of a former generation, for OrdersCanceled frames that were issued again under these numbers."""
    cdef bytes copy = PyBytes_FromStringAndSize(PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame))
    cdef CancelOnDisconnectReceipt* receipt = <CancelOnDisconnectReceipt*>(PyBytes_AS_STRING(copy) + HEADER_SIZE)
    receipt.first_sequence_number = first_number or INT64_MIN
    receipt.last_sequence_number = last_number or INT64_MIN
    return copy
