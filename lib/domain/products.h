#ifndef STW_DOMAIN_PRODUCTS_H
#define STW_DOMAIN_PRODUCTS_H

#include "resource/resource.h"

enum stw_product_field {
    STW_PRODUCT_NAME = 1,
    STW_PRODUCT_SKU,
    STW_PRODUCT_FAMILY,
    STW_PRODUCT_LIST_PRICE,
    STW_PRODUCT_ACTIVE,
    STW_PRODUCT_DESCRIPTION
};
extern const struct stw_resource stw_products;

#endif
