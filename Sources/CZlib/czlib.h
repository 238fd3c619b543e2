// zlib for Swift (V2 histogram payloads are deflated): the header, nothing else.
#ifndef POPLAR_CZLIB_H
#define POPLAR_CZLIB_H
#include <zlib.h>
#endif
