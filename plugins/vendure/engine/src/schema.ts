import gql from 'graphql-tag';

/** What kasse writes and asks by the Admin API, beside Vendure's own. */
export const adminSchema = gql`
    input KasseAddress {
        streetLine1: String
        streetLine2: String
        city: String
        postalCode: String
        countryCode: String!
    }

    "What a customer chose and gave in Vipps' express checkout."
    input KasseExpress {
        firstName: String
        lastName: String
        emailAddress: String
        phoneNumber: String
        address: KasseAddress!
        "The delivery: the id is the one that kasseDeliveries gave."
        shippingMethodId: ID!
        "What the goods came to when the payment was begun."
        goods: Money!
    }

    "Money that Vipps has reserved."
    input KasseReservation {
        orderCode: String!
        reference: String!
        amount: Money!
        express: KasseExpress
    }

    "A delivery that the shop offers."
    type KasseDelivery {
        id: ID!
        code: String!
        name: String!
        description: String!
        priceWithTax: Money!
        taxRate: Float!
    }

    extend type Query {
        "The deliveries for an order, to an address, at the shop's own prices."
        kasseDeliveries(orderCode: String!, address: KasseAddress!): [KasseDelivery!]!
    }

    extend type Mutation {
        "Writes a reservation into its order, once. The error KASSE_NOT_TAKEN says that it never will be."
        kasseReserve(input: KasseReservation!): Order!
        "Removes the personal data of orders, and says what is kept."
        kasseForget(orderCodes: [String!]!): [String!]!
    }
`;

/** What a storefront asks by the Shop API, beside Vendure's own. */
export const shopSchema = gql`
    type KasseStart {
        "Where the customer pays. Nothing where it could not be begun."
        redirectUrl: String
        "What to tell the customer where it could not be begun."
        message: String
    }

    extend type Mutation {
        "Begins an express payment of the active order: Vipps asks for address and delivery."
        kasseExpress: KasseStart!
    }
`;
