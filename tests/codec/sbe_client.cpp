// Decodes one OrdersCanceled with the code that the official SBE tool generated, and prints it line by line.
// Argument: the frame in hex.

#include <cinttypes>
#include <cstdio>
#include <string>
#include <vector>

#include "breakwire/FrameHeader.h"
#include "breakwire/OrdersCanceled.h"

int main(int, char **arguments) {
    const std::string hex = arguments[1];
    std::vector<char> frame;
    for (std::size_t at = 0; at < hex.size(); at += 2) {
        frame.push_back(static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16)));
    }
    const auto version = breakwire::OrdersCanceled::sbeSchemaVersion();
    breakwire::FrameHeader header(frame.data(), frame.size(), version);
    std::printf("%u %u %" PRId64 "\n", header.messageTypeId(), header.messageLength(), header.sequenceNumber());
    breakwire::OrdersCanceled message;
    message.wrapForDecode(frame.data(), breakwire::FrameHeader::encodedLength(),
                          breakwire::OrdersCanceled::sbeBlockLength(), version, frame.size());
    std::printf("%" PRId64 " %" PRId64 " %d\n", message.timestamp(), message.execId(), message.flags().isLastMessage());
    auto &orders = message.orders();
    while (orders.hasNext()) {
        orders.next();
        std::printf("%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %d %d %d\n", orders.clientOrderId(),
                    orders.orderId(), orders.instrumentId(), orders.totalFilled().mantissa(),
                    orders.totalFilled().exponent(), orders.cancelReasonRaw(), orders.flags().isQuote());
    }
    return 0;
}
