/** Where mail is kept if nobody says otherwise, from the working directory. */
export const defaultDataDirectory = './data';
